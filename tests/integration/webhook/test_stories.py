"""The HTTP API against a real API server: the caller's own rights decide, and its rules speak."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storyjob.cluster.client import Cluster as Client
from storyjob.cluster.errors import Forbidden
from storyjob.cluster.resources import PROVIDERS, STORYJOBS
from support.controlplane import Cluster

from .conftest import connect, service_account

World = Any
WRITER = [
    {"apiGroups": ["storyjob.dev"], "resources": ["storyjobs"], "verbs": ["create", "get"]},
    {"apiGroups": ["storyjob.dev"], "resources": ["mediaproviders"], "verbs": ["list"]},
]


def a_story(namespace: str, **fields: Any) -> dict[str, Any]:
    story = {
        "title": "The fox and the moon",
        "namespace": namespace,
        "scenes": [{"prompt": "a fox", "narration": "A fox looked up."}],
        "image": {"provider": "flux", "model": "black-forest-labs/flux-dev"},
        "audio": {"provider": "voice", "model": "eleven_multilingual_v2", "voice": "aria"},
    }
    return story | fields


async def create(world: World, token: str, story: dict[str, Any], key: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
    async with world.http.post(world.internal("/create-story"), json=story, headers=headers) as answer:
        return answer.status, await answer.json()


async def status(world: World, token: str, job_id: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with world.http.get(world.internal("/status"), params={"jobId": job_id}, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.fixture
def writer(crds: Cluster, namespace: str) -> str:
    return service_account(crds, namespace, "writer", WRITER)


@pytest.fixture
def reader(crds: Cluster, namespace: str) -> str:
    return service_account(crds, namespace, "reader", [])


async def test_a_story_is_made_and_asked_about(world: World, writer: str) -> None:
    code, answer = await create(world, writer, a_story(world.namespace))
    assert (code, answer["status"]) == (202, "pending")
    code, report = await status(world, writer, answer["jobId"])
    assert (code, report["status"], report["images"]) == (200, "pending", {"done": 0, "total": 1})
    story = await world.admin.get(STORYJOBS, world.namespace, answer["jobId"].split(".")[1])
    assert story["spec"]["scenes"][0]["audio"]["text"] == "A fox looked up."


async def test_the_marked_provider_is_found_with_the_callers_rights(world: World, writer: str) -> None:
    mark = {"metadata": {"annotations": {"storyjob.dev/default-image-model": "m"}}}
    await world.admin.merge_patch(PROVIDERS, world.namespace, "flux", mark)
    story = a_story(world.namespace, scenes=[{"prompt": "a fox"}])
    del story["image"]
    code, answer = await create(world, writer, story)
    assert code == 202
    made = await world.admin.get(STORYJOBS, world.namespace, answer["jobId"].split(".")[1])
    assert made["spec"]["defaults"]["image"] == {"providerRef": {"name": "flux"}, "model": "m"}


async def test_a_repeated_key_makes_one_story(world: World, writer: str) -> None:
    first = await create(world, writer, a_story(world.namespace), key="order 4711")
    again = await create(world, writer, a_story(world.namespace), key="order 4711")
    other = await create(world, writer, a_story(world.namespace, title="Another"), key="order 4711")
    assert (first[0], again[0], other[0]) == (202, 200, 422)
    assert first[1]["jobId"] == again[1]["jobId"]
    stories, _ = await world.admin.list(STORYJOBS, world.namespace)
    assert len(stories) == 1


async def test_a_wrong_token_is_unauthorized(world: World) -> None:
    code, answer = await create(world, "wrong", a_story(world.namespace))
    assert (code, answer["error"]["code"]) == (401, "Unauthorized")


async def test_a_caller_without_rights_is_refused_and_not_served_with_ours(world: World, reader: str) -> None:
    code, answer = await create(world, reader, a_story(world.namespace))
    assert (code, answer["error"]["code"]) == (403, "Forbidden")
    assert f"system:serviceaccount:{world.namespace}:reader" in answer["error"]["message"]
    assert (await status(world, reader, f"{world.namespace}.fox"))[0] == 403


async def test_an_unknown_story_is_not_found(world: World, writer: str) -> None:
    assert (await status(world, writer, f"{world.namespace}.nothing"))[0] == 404


async def test_what_the_schema_refuses_names_the_field(world: World, writer: str) -> None:
    # The request's own rules are those of the CRD, except for what only the API server checks.
    story = a_story(world.namespace, defaults={"image": {"input": {str(number): 0 for number in range(65)}}})
    code, answer = await create(world, writer, story)
    assert code == 422
    assert "input" in answer["error"]["field"]


async def test_a_connection_for_callers_has_no_identity_of_its_own(crds: Cluster, monkeypatch: Any) -> None:
    connection = await connect(crds.kubeconfig, monkeypatch)
    nobody = Client(connection.anonymous())
    with pytest.raises(Forbidden):
        await nobody.list(STORYJOBS)
    await nobody.close()
    await asyncio.sleep(0.1)  # as in the fixture
