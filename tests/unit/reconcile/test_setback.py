"""A cluster that was restored from a snapshot is told again what was bought since, and the process begins anew."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.errors import Unavailable
from storyjob.cluster.resources import SCENES
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.setback import SetBack, tell_until_heard
from storyjob.reconcile.tasks import Tasks
from storyjob.reconcile.world import Caches, Gate, World
from support import virtual_time
from support.builders import NOW, a_hash, a_scene, a_step
from support.fake_cluster import FakeCluster

IMAGE = StepKind.IMAGE
BOUGHT = a_step(StepPhase.RUNNING, job_id="job-1")


def of_version(version: int, step: StepStatus | None = None) -> Scene:
    scene = a_scene(steps={IMAGE: step} if step else None)
    return scene.model_copy(update={"metadata": scene.metadata.model_copy(update={"resource_version": str(version)})})


def world_of(cluster: FakeCluster, known: Scene) -> World:
    world = SimpleNamespace(cluster=cluster, caches=Caches(), desk=Desk(NOW), gate=Gate(), tasks=Tasks())
    world.caches.scenes.put(known)
    world.settings, world.enqueue = SimpleNamespace(resync_seconds=300.0, watch_namespaces=()), lambda *_: None
    return cast(World, world)


def restored(cluster: FakeCluster, step: StepStatus | None = None) -> Scene:
    """Return the Scene as the cluster has it after an operator that knew of a purchase noticed the restore."""
    scene = cluster.put(SCENES, of_version(1, step).wire())
    world = world_of(cluster, of_version(500, BOUGHT))

    async def story() -> None:
        with pytest.raises(SetBack, match="500"):
            await Operator(world).keep_in_step()

    virtual_time.run(story())
    assert not world.gate.may_submit
    meta = scene["metadata"]
    return Scene.model_validate(cluster.objects[SCENES.plural][meta["namespace"], meta["name"]])


def test_what_was_bought_since_the_snapshot_is_told_again() -> None:
    assert restored(FakeCluster()).step(IMAGE) == BOUGHT


def test_what_became_of_an_attempt_since_the_snapshot_is_told_again() -> None:
    assert restored(FakeCluster(), a_step(StepPhase.SUBMITTING)).step(IMAGE) == BOUGHT


def test_an_attempt_that_was_made_since_the_restore_stays() -> None:
    newer = a_step(StepPhase.RUNNING, job_id="job-2", attempt=1, token_hash=a_hash("another"))
    assert restored(FakeCluster(), newer).step(IMAGE) == newer


def test_it_is_told_as_soon_as_the_cluster_answers() -> None:
    cluster = FakeCluster()
    cluster.put(SCENES, of_version(1).wire())
    cluster.fails["list"] = Unavailable("the API server restarts")
    cache = world_of(cluster, of_version(500, BOUGHT)).caches.scenes

    async def story() -> None:
        telling = asyncio.create_task(tell_until_heard(cluster, cache, None))
        await asyncio.sleep(60)
        assert not telling.done()
        cluster.fails.clear()
        await telling

    virtual_time.run(story())
    (scene,) = cluster.objects[SCENES.plural].values()
    assert Scene.model_validate(scene).step(IMAGE) == BOUGHT


def test_what_was_made_after_the_snapshot_is_named(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of(FakeCluster(), of_version(500, BOUGHT))
    virtual_time.run(tell_until_heard(world.cluster, world.caches.scenes, None))
    assert "image job-1" in caplog.text
    assert "will be bought again" in caplog.text


def test_a_status_that_somebody_emptied_is_written_again_and_nothing_is_based_on_it() -> None:
    cluster = FakeCluster()
    emptied = cluster.put(SCENES, of_version(1).wire())
    world = world_of(cluster, of_version(5, BOUGHT))

    async def story() -> None:
        operator = Operator(world)
        operator.saw_scene(emptied, gone=False)
        (known,) = world.caches.scenes
        assert known.step(IMAGE) == BOUGHT
        await asyncio.sleep(1)
        (mended,) = cluster.objects[SCENES.plural].values()
        operator.saw_scene(mended, gone=False)

    virtual_time.run(story())
    (known,) = world.caches.scenes
    assert known.step(IMAGE) == BOUGHT
    assert int(known.metadata.resource_version) > int(emptied["metadata"]["resourceVersion"])
