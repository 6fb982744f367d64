"""What is done with an attempt whose outcome nobody knows, once somebody said what became of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Cache
from storyjob.cluster.errors import Unavailable
from storyjob.cluster.events import Events
from storyjob.cluster.ledger import Ledger
from storyjob.planning.actions import Order, Take
from storyjob.planning.children import scene_spec
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.resolve import _taken, take
from storyjob.reconcile.world import World
from support.builders import a_hash, a_scene, a_step, a_story, story_scene
from support.scene_cluster import SceneCluster
from support.virtual_time import run

STORY = a_story(story_scene("forest"), story_scene("lake"))


def after_naming(job_id: str, *, of_lake: str | None, heard: str | None = None) -> StepStatus:
    """Name a job for the forest's lost picture, while the lake's has one; return how the forest's stands.

    With ``heard`` the first try to write it fails, and the lake's picture hears of its job before the next.
    """
    scenes = [
        a_scene(scene_spec("fox", STORY.spec, 0), {StepKind.IMAGE: _lost()}),
        a_scene(scene_spec("fox", STORY.spec, 1), {StepKind.IMAGE: _running(of_lake)}),
    ]
    cluster, cache = SceneCluster(*scenes), Cache[Scene]()
    for scene in scenes:
        cache.put(cluster.now(scene.metadata.name))
    if heard is not None:
        _hear_at_the_first_try(cluster, cache, scenes[1], heard)
    world = SimpleNamespace(
        caches=SimpleNamespace(scenes=cache),
        ledger=Ledger(cluster, cache),
        events=Events(cluster, "test"),
        enqueue=lambda *_: None,
    )
    attempt = AttemptRef.of(cluster.now("fox-forest"), StepKind.IMAGE)
    run(take(cast(World, world), attempt, Take(job_id, Order(job_id, f"{job_id} it is"))))
    return cluster.now("fox-forest").step(StepKind.IMAGE)


def _hear_at_the_first_try(cluster: SceneCluster, cache: Cache[Scene], lake: Scene, job_id: str) -> None:
    patch, tries = cluster.json_patch, iter([1])

    async def json_patch(*args: Any, **named: Any) -> Any:
        if next(tries, None) is None:
            return await patch(*args, **named)
        newer = lake.metadata.model_copy(update={"resource_version": "1000"})
        cache.put(a_scene(lake.spec, {StepKind.IMAGE: _running(job_id)}).model_copy(update={"metadata": newer}))
        raise Unavailable("no answer")

    cluster.json_patch = json_patch  # type: ignore[method-assign]


def _lost() -> StepStatus:
    return a_step(StepPhase.OUTCOME_UNKNOWN, token_hash=a_hash("forest"), job_id=None)


def _running(job_id: str | None) -> StepStatus:
    return a_step(StepPhase.RUNNING, token_hash=a_hash("lake"), job_id=job_id)


@pytest.mark.parametrize("of_lake", ["another", None])
def test_the_job_that_a_person_names_is_taken_over(of_lake: str | None) -> None:
    step = after_naming("job-1", of_lake=of_lake)
    assert (step.phase, step.job_id, step.resolution) == (StepPhase.RUNNING, "job-1", "job-1 it is")


def test_a_job_that_another_attempt_has_is_not() -> None:
    step = after_naming("job-1", of_lake="job-1")
    assert (step.phase, step.job_id) == (StepPhase.OUTCOME_UNKNOWN, None)
    assert "job-1 is the job of fox-lake image" in str(step.message)
    assert step.resolution == "job-1 it is", "so that it is not tried again for ever"


def test_nor_is_one_that_another_attempt_heard_of_while_it_was_written() -> None:
    step = after_naming("job-1", of_lake=None, heard="job-1")
    assert (step.phase, step.job_id) == (StepPhase.OUTCOME_UNKNOWN, None)
    assert "job-1 is the job of fox-lake image" in str(step.message)


def test_a_lost_job_is_none_of_an_earlier_attempt() -> None:
    scene = a_scene(steps={StepKind.IMAGE: a_step(StepPhase.OUTCOME_UNKNOWN, former_jobs=["job-1"], job_id=None)})
    world = SimpleNamespace(caches=SimpleNamespace(scenes=[scene]))
    attempt = AttemptRef.of(scene, StepKind.IMAGE)
    assert dict(_taken(cast(World, world), attempt)) == {"job-1": "an earlier attempt at fox-forest image"}
