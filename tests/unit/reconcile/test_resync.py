"""What the watches missed is found by comparing with a list, and a kind that is gone ends the process."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from storyjob.cluster.errors import NotFound, Unavailable
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.world import Caches, Desk, World
from support import virtual_time
from support.builders import NOW
from support.fake_cluster import FakeCluster


def an_operator(cluster: FakeCluster) -> Operator:
    settings = SimpleNamespace(resync_seconds=300.0, watch_namespaces=())
    world = SimpleNamespace(cluster=cluster, caches=Caches(), desk=Desk(NOW), settings=settings)
    return Operator(cast(World, world))


def test_a_list_that_fails_is_tried_again_at_the_next_time() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        cluster.fails["list"] = Unavailable("the API server restarts")
        going_on = asyncio.create_task(an_operator(cluster).keep_in_step())
        await asyncio.sleep(1_000)
        assert not going_on.done()
        going_on.cancel()

    virtual_time.run(story())


def test_a_kind_that_is_gone_ends_the_work() -> None:
    async def story() -> float:
        cluster = FakeCluster()
        cluster.fails["list"] = NotFound("GET /apis/storyjob.dev/v1alpha1/scenes: 404 page not found")
        with pytest.raises(NotFound, match="scenes"):
            await an_operator(cluster).keep_in_step()
        return virtual_time.clock()

    assert virtual_time.run(story()) == 300
