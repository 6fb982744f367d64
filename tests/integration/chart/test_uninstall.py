"""Before a release goes, `storyjob uninstall` lets go of everything, with the rights that the chart gives its hook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.api_server import ApiServer
from support.controlplane import Cluster
from support.helm import Helm
from support.release import NAME, RIGHTS, Release

Json = dict[str, Any]

JOBS, IN_USE, KOPF = "storyjob.dev/jobs", "storyjob.dev/in-use", "storyjob.dev/kopf"
RUNNING = {"observedGeneration": 1, "conditions": [("Ready", "False"), ("Reconciling", "True")]}
DONE = {"observedGeneration": 1, "conditions": [("Ready", "True"), ("Complete", "True")]}


class Installed:
    """An installation whose pods nobody runs, with objects as an operator leaves them."""

    def __init__(self, cluster: Cluster, helm: Helm, namespace: str, folder: Path) -> None:
        self.api, self.namespace, self._kubectl = ApiServer.of(cluster), namespace, cluster.kubectl
        release = Release.render(helm, cluster, namespace, f"--set=watchNamespaces={{{namespace}}},film.runner=Job")
        release.apply(RIGHTS - {"ClusterRole", "ClusterRoleBinding"})
        release.apply({"Deployment"})
        self._job = next(item for item in release.manifests if item["kind"] == "Job")
        self._kubeconfig = release.kubeconfig(f"{NAME}-uninstall", folder)

    def story(self, name: str, status: Json, finalizers: list[str]) -> None:
        spec = {"title": name, "scenes": [{"name": "one", "source": {"uri": "s3://films/one.mp4"}}]}
        self._apply("StoryJob", name, spec, finalizers)
        self.api.merge("storyjobs", self.namespace, name, {"status": _status(status)}, subresource="status")

    def scene(self, name: str, phase: str) -> None:
        spec = {"storyRef": {"name": "tale"}, "name": name, "index": 0, "image": {"prompt": "a fox"}}
        self._apply("Scene", name, spec, [JOBS])
        status = {"steps": {"image": {"phase": phase}}}
        self.api.merge("scenes", self.namespace, name, {"status": status}, subresource="status")

    def provider(self, name: str) -> None:
        spec = {"type": "replicate", "credentials": {"secretRef": {"name": "keys", "key": "token"}}}
        self._apply("MediaProvider", name, spec, [IN_USE, KOPF, "example.com/somebodys"])

    def job(self, name: str, labels: dict[str, str]) -> None:
        pod = {"restartPolicy": "Never", "containers": [{"name": "film", "image": "films"}]}
        meta = {"name": name, "namespace": self.namespace, "labels": labels}
        body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": {"spec": pod}}}
        self._kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def uninstall(self, policy: str = "Refuse") -> subprocess.CompletedProcess[str]:
        """Do what the chart's hook does, with its own arguments and account."""
        container = self._job["spec"]["template"]["spec"]["containers"][0]
        arguments = [f"--policy={policy}" if each.startswith("--policy") else each for each in container["args"]]
        variables = {each["name"]: each.get("value", self.namespace) for each in container["env"]}
        return subprocess.run(
            [sys.executable, "-m", "storyjob.cli.main", *arguments],
            env=os.environ | variables | {"KUBECONFIG": str(self._kubeconfig)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def finalizers(self) -> set[str]:
        kinds = ("storyjobs", "scenes", "mediaproviders")
        items = [item for kind in kinds for item in self.api.list(kind, self.namespace)]
        return {name for item in items for name in item["metadata"].get("finalizers", ())}

    def replicas(self) -> int:
        return int(self._kubectl("get", "deploy", NAME, "-n", self.namespace, "-o", "jsonpath={.spec.replicas}"))

    def secrets(self) -> str:
        return self._kubectl("get", "secrets", "-n", self.namespace, "-o", "name")

    def _apply(self, kind: str, name: str, spec: Json, finalizers: list[str]) -> None:
        meta = {"name": name, "namespace": self.namespace, "finalizers": finalizers}
        body = {"apiVersion": "storyjob.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}
        self._kubectl("apply", "-f", "-", stdin=json.dumps(body))


def _status(status: Json) -> Json:
    at = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": type_, "status": value, "reason": "Test", "message": "", "lastTransitionTime": at}
        for type_, value in status["conditions"]
    ]
    return status | {"conditions": conditions}


@pytest.fixture
def installed(crds: Cluster, helm: Helm, namespace: str, tmp_path: Path) -> Iterator[Installed]:
    found = Installed(crds, helm, namespace, tmp_path)
    yield found
    found.api.http.close()


def test_nothing_of_ours_holds_an_object_afterwards(installed: Installed) -> None:
    installed.story("tale", DONE, [JOBS, KOPF])
    installed.scene("tale-one", "Succeeded")
    installed.provider("pictures")

    done = installed.uninstall()

    assert done.returncode == 0, done.stderr
    assert "3 objects were let go" in done.stdout
    assert installed.finalizers() == {"example.com/somebodys"}
    assert installed.replicas() == 0
    assert installed.uninstall().returncode == 0, "a second time does no harm"


@pytest.mark.parametrize(
    "running",
    [
        pytest.param(("tale", RUNNING, "Waiting"), id="a story that is being made"),
        pytest.param(("tale", {"observedGeneration": 0, "conditions": []}, "Waiting"), id="one that nobody saw yet"),
        pytest.param(("tale", DONE, "Running"), id="a job at a vendor"),
        pytest.param(("tale", DONE, "OutcomeUnknown"), id="one that was perhaps bought"),
    ],
)
def test_it_refuses_while_stories_run(installed: Installed, running: tuple[str, Json, str]) -> None:
    name, status, phase = running
    installed.story(name, status, [JOBS])
    installed.scene("tale-one", phase)

    done = installed.uninstall()

    assert done.returncode == 1
    assert f"1 stories are being made: {installed.namespace}/tale. Wait for them" in done.stderr
    assert installed.finalizers() == {JOBS}
    assert installed.replicas() == 1


def test_it_drops_running_stories_when_told_to(installed: Installed) -> None:
    installed.story("tale", RUNNING, [JOBS])

    done = installed.uninstall("Drop")

    assert done.returncode == 0, done.stderr
    assert installed.finalizers() == set()


def test_film_jobs_go_and_no_others(installed: Installed) -> None:
    installed.job("film-fox-1", {"storyjob.dev/films-of": NAME})
    installed.job("mine", {})

    done = installed.uninstall()

    assert done.returncode == 0, done.stderr
    assert [job["metadata"]["name"] for job in installed.api.list("jobs", installed.namespace)] == ["mine"]


def test_the_secret_that_the_operator_made_goes_and_no_other(installed: Installed) -> None:
    for name in ("storyjob-webhook-keys", "mine"):
        installed._kubectl("create", "secret", "generic", name, "-n", installed.namespace)

    done = installed.uninstall()

    assert done.returncode == 0, done.stderr
    assert installed.secrets().split() == ["secret/mine"]
