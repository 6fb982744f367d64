"""A sidecar without CRDs or rights says what is missing, is not ready, and ends when it stays so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storyjob.cluster.access import AccessError, await_access
from storyjob.cluster.errors import NotFound, Unavailable
from storyjob_webhook.access import needed
from storyjob_webhook.probes import Readiness
from support.fake_cluster import FakeCluster


def test_what_it_needs_is_little() -> None:
    assert [str(right) for right in needed("storyjob-system", ["tales"])] == [
        "get secrets storyjob-webhook-keys in namespace storyjob-system",
        "list scenes.storyjob.dev in namespace tales",
        "watch scenes.storyjob.dev in namespace tales",
        "list mediaproviders.storyjob.dev in namespace tales",
        "watch mediaproviders.storyjob.dev in namespace tales",
        "patch scenes/status.storyjob.dev in namespace tales",
    ]


async def test_missing_rights_are_named() -> None:
    cluster = FakeCluster()
    cluster.denied = {"mediaproviders"}
    with pytest.raises(AccessError, match=r"list mediaproviders.storyjob.dev in all namespaces"):
        await await_access(cluster, needed("s", [None]), "sidecar", Readiness().tell_access, patience=0)


async def test_missing_kinds_are_named_with_the_remedy() -> None:
    cluster = FakeCluster()
    cluster.fails["list"] = NotFound("GET /apis/storyjob.dev/v1alpha1/scenes: 404 page not found")
    with pytest.raises(AccessError, match=r"scenes: 404 .*kubectl apply --server-side -f crds/"):
        await await_access(cluster, needed("s", [None]), "sidecar", Readiness().tell_access, patience=0)


async def test_an_outage_is_waited_out_and_shown(monkeypatch: Any) -> None:
    cluster, readiness, seen = FakeCluster(), Readiness(), []
    cluster.fails["list"] = Unavailable("connection refused")

    async def pause(_: float) -> None:
        seen.append(readiness.reasons["access"])
        if len(seen) == 3:
            cluster.fails.clear()

    monkeypatch.setattr(asyncio, "sleep", pause)
    await await_access(cluster, needed("s", [None]), "sidecar", readiness.tell_access, patience=0)
    assert seen == ["the API server does not answer: connection refused"] * 3
    assert readiness.reasons == {}


async def test_it_is_not_ready_before_the_caches_are(world: Any) -> None:
    world.sidecar.readiness.waits_for("caches", "not read yet")
    async with world.http.get(world.internal + "/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {"status": "waiting", "reasons": {"caches": "not read yet"}}
    async with world.http.get(world.internal + "/livez") as answer:
        assert answer.status == 200


async def test_before_the_caches_are_read_nobody_is_told_that_a_job_is_unknown(world: Any) -> None:
    job = world.running()
    world.sidecar.informers[0].synced.clear()
    status, answer = await world.call(job)
    assert (status, answer["error"]["code"]) == (503, "NotReady")


async def test_the_caches_sizes_are_shown(world: Any) -> None:
    job = world.running()
    await world.call(job)
    text = await world.metrics()
    assert "storyjob_webhook_scenes 1.0" in text
    assert "storyjob_webhook_providers 1.0" in text
