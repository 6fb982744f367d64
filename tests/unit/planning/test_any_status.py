"""Whatever stands in the statuses of Scenes, a story can still be planned, judged and told of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, example, given, settings

from storyjob.api.kind import SCENE, STORYJOB
from storyjob.api.scene import Scene, SceneStatus
from storyjob.api.storyjob import StoryJobStatus
from storyjob.planning.clock import deadline, run_clock
from storyjob.planning.ending import FilmState, Standstill, judge
from storyjob.planning.scenestatus import rolled_up
from storyjob.planning.story import plan_story
from storyjob.planning.storystatus import Facts, story_status
from support.any_object import any_status
from support.builders import NOW, a_story, a_view, story_scene

often = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
VIEW = a_view(a_story(story_scene("a", audio=True, video="image"), story_scene("b"), activeDeadlineSeconds=60))
LATE, EARLY = "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"


def with_status(scene: Scene, status: Any) -> Scene:
    return scene.model_copy(update={"status": SceneStatus.model_validate(status)})


@often
@given(one=any_status(SCENE), other=any_status(SCENE), story=any_status(STORYJOB))
@example(one={"steps": {"image": {"phase": "Waiting", "retryAt": LATE}}}, other={}, story={"startTime": LATE})
@example(one={"steps": {"image": {"phase": "Failed", "cost": "NaN"}}}, other={}, story={"startTime": EARLY})
@example(one={"steps": {"image": {"phase": "Running", "cost": "a lot", "previousCost": "-1"}}}, other={}, story={})
@example(one={"steps": {"image": {"phase": "OutcomeUnknown", "estimatedCost": "1e999999"}}}, other={}, story={})
def test_a_story_can_be_planned(one: Any, other: Any, story: Any) -> None:
    scenes = {"a": with_status(VIEW.scenes["a"], one), "b": with_status(VIEW.scenes["b"], other)}
    whole = VIEW.story.model_copy(update={"status": StoryJobStatus.model_validate(story)})
    view = replace(VIEW, scenes=scenes, story=whole, may_buy=True)
    plan = plan_story(view)
    clock = run_clock(whole, NOW)
    deadline(whole, clock)
    verdict = judge(whole, plan, [], FilmState(), Standstill(False, False, None))
    told = story_status(view, plan, Facts(verdict, clock, whole.status.outputs))
    assert 0 <= told.progress <= 100
    for scene in scenes.values():
        assert rolled_up(scene, scene.status, NOW).phase is not None
