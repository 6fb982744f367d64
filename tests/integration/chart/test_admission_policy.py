"""The account that faces the internet can write callbacks into Scenes, and nothing else."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from support.api_server import ApiServer, path_of
from support.controlplane import Cluster
from support.helm import Helm
from support.release import NAME, POLICIES, RIGHTS, Release

Json = dict[str, Any]

HASH = "0" * 64
PATIENCE = 30.0  # seconds until a new policy must have reached the API server's own caches
STATUS = {
    "phase": "Processing",
    "steps": {"image": {"phase": "Running", "attempt": 1, "tokenHash": HASH, "jobId": "job-1"}},
}
CALLBACK = {"tokenHash": HASH, "jobId": "job-1", "at": "2026-01-01T00:00:00Z"}
ADD_CALLBACK = [{"op": "add", "path": "/status/steps/image/callback", "value": CALLBACK}]
PHASE = {"op": "replace", "path": "/status/phase", "value": "Completed"}
NUMBER = {"op": "replace", "path": "/status/observedGeneration"}


class Webhook:
    """Somebody with the webhook's token, and one Scene to write to."""

    def __init__(self, cluster: Cluster, namespace: str, token: str) -> None:
        self.admin = ApiServer.of(cluster)
        self._path = path_of("scenes", namespace, "fox")
        self._http = httpx.Client(
            base_url=cluster.url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json-patch+json"},
            verify=ssl.create_default_context(cafile=str(cluster.authority)),
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()
        self.admin.http.close()

    def patch(self, operations: list[Json], subresource: str = "/status") -> httpx.Response:
        return self._http.patch(f"{self._path}{subresource}", content=json.dumps(operations))


@pytest.fixture(scope="module")
def webhook(crds: Cluster, helm: Helm) -> Iterator[Webhook]:
    namespace = crds.create_namespace()
    release = Release.render(helm, crds, namespace, f"--set=watchNamespaces={{{namespace}}},rbac.aggregate=false")
    release.apply(RIGHTS | POLICIES)
    scene = {"storyRef": {"name": "tale"}, "name": "fox", "index": 0, "image": {"prompt": "a fox"}}
    body = {"apiVersion": "storyjob.dev/v1alpha1", "kind": "Scene", "metadata": {"name": "fox"}, "spec": scene}
    crds.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(body))
    found = Webhook(crds, namespace, crds.kubectl("create", "token", f"{NAME}-webhook", "-n", namespace).strip())
    found.admin.merge("scenes", namespace, "fox", {"status": STATUS}, subresource="status")
    await_effect(found)
    yield found
    found.close()
    release.delete(POLICIES)
    crds.delete_namespace(namespace)


def await_effect(webhook: Webhook) -> None:
    """Wait until the API server's own caches have the policy."""
    end = time.monotonic() + PATIENCE
    # Another number each time, since a patch that changes nothing is always allowed.
    numbers = count(100)
    while (answer := webhook.patch([NUMBER | {"value": next(numbers)}])).status_code != 422:
        assert time.monotonic() < end, f"the policy has no effect: {answer.status_code} {answer.text}"


def test_a_callback_can_be_added_and_replaced(webhook: Webhook) -> None:
    for job in ("job-1", "job-2"):
        answer = webhook.patch([ADD_CALLBACK[0] | {"value": CALLBACK | {"jobId": job}}])
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"]["steps"]["image"]["callback"]["jobId"] == job


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        pytest.param(
            {"op": "replace", "path": "/status/steps/image/phase", "value": "Succeeded"},
            "nothing in a step but its callback",
            id="a step's phase",
        ),
        pytest.param(
            {"op": "add", "path": "/status/steps/image/cost", "value": "0"},
            "nothing in a step but its callback",
            id="a field that was not there",
        ),
        pytest.param(
            {"op": "remove", "path": "/status/steps/image/jobId"},
            "nothing in a step but its callback",
            id="a job's id, which would be lost",
        ),
        pytest.param(
            {"op": "add", "path": "/status/steps/audio", "value": {"phase": "Succeeded"}},
            "nothing in a step but its callback",
            id="another step",
        ),
        pytest.param(
            {"op": "remove", "path": "/status/steps/image"}, "nothing in a step but its callback", id="a whole step"
        ),
        pytest.param(PHASE, "but steps", id="the phase"),
        pytest.param(NUMBER | {"value": 7}, "but steps", id="a number"),
        pytest.param({"op": "remove", "path": "/status/steps"}, "nothing in", id="all steps"),
    ],
)
def test_nothing_else_of_the_status_can_be_changed(webhook: Webhook, operation: Json, message: str) -> None:
    for operations in ([operation], [*ADD_CALLBACK, operation]):
        answer = webhook.patch(operations)
        assert answer.status_code == 422, answer.text
        assert message in answer.json()["message"]


def test_the_scene_itself_is_out_of_reach(webhook: Webhook) -> None:
    answer = webhook.patch([{"op": "replace", "path": "/spec/image/prompt", "value": "a wolf"}], subresource="")

    assert answer.status_code == 403
