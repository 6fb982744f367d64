"""What the watches missed is found by comparing with a list, and a kind that is gone ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest

from storyjob.api.scene import Scene
from storyjob.cluster.cache import Cache
from storyjob.cluster.client import Json, Page
from storyjob.cluster.errors import NotFound, Unavailable
from storyjob.cluster.resources import SCENES, Resource
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.world import Caches, World
from support import virtual_time
from support.builders import NOW, a_scene, metadata
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


class Paged(FakeCluster):
    """Answers lists one object a page."""

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> AsyncIterator[Page]:
        found, version = await self.list(resource, namespace, selector=selector)
        for item in found:
            yield [item], version


def scene(name: str, version: int) -> Scene:
    return a_scene().model_copy(update={"metadata": metadata(name, resource_version=str(version))})


def test_what_is_on_any_page_is_there_and_what_is_on_none_is_gone() -> None:
    async def story() -> list[str]:
        cluster, cache, saw = Paged(), Cache[Scene](), list[str]()
        for name in ("fox", "hare", "owl"):
            cluster.put(SCENES, scene(name, 1).model_dump(mode="json", by_alias=True, exclude_none=True))
        for known in (scene("fox", 1), scene("wolf", 1)):
            cache.put(known)

        def take(body: Json, *, gone: bool) -> None:
            cache.put(scene("bear", 1000))  # born after the list had begun
            saw.append(f"{body['metadata']['name']} {'is gone' if gone else 'is there'}")

        await an_operator(cluster)._resync(SCENES, cache, take)
        return saw

    assert virtual_time.run(story()) == ["fox is there", "hare is there", "owl is there", "wolf is gone"]


def test_a_kind_that_is_gone_ends_the_work() -> None:
    async def story() -> float:
        cluster = FakeCluster()
        cluster.fails["list"] = NotFound("GET /apis/storyjob.dev/v1alpha1/scenes: 404 page not found")
        with pytest.raises(NotFound, match="scenes"):
            await an_operator(cluster).keep_in_step()
        return virtual_time.clock()

    assert virtual_time.run(story()) == 300
