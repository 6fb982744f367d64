"""Batches: a pause after the last submission of one, and no story that waits for what cannot come."""

from __future__ import annotations

import pytest

from storyjob.api.reasons import Reason
from storyjob.planning.story import plan_story
from support.builders import (
    Make,
    a_provider,
    a_story,
    a_view,
    at,
    backing_off,
    done,
    failed,
    offered,
    providers,
    running,
    story_scene,
    unknown,
    waiting,
)

BATCH = {"size": 2, "intervalSeconds": 10}


@pytest.mark.parametrize(
    ("steps", "now", "expected"),
    [
        pytest.param({}, 0, ["a/image", "b/image"], id="the first batch begins at once"),
        pytest.param({"a/image": done()}, 60, ["b/image"], id="the second waits for all of the first to begin"),
        pytest.param({"a/image": done(), "b/image": running(intent_at=at(5))}, 14, [], id="and then for the pause"),
        pytest.param(
            {"a/image": done(), "b/image": running(intent_at=at(5))},
            15,
            ["c/image", "d/image"],
            id="but not for its end",
        ),
        pytest.param(
            {"a/image": failed(), "b/image": backing_off(99)}, 60, ["c/image", "d/image"], id="nor for failures"
        ),
        pytest.param(
            {"a/image": done(reused=True, intent_at=None, finished_at=at(3)), "b/image": done(intent_at=at(1))},
            13,
            ["c/image", "d/image"],
            id="what was found in the bucket began when it was found",
        ),
        pytest.param(
            {"a/image": unknown(), "b/image": unknown()}, 60, ["c/image", "d/image"], id="nor for the unknown"
        ),
    ],
)
def test_batches(steps: dict[str, Make], now: float, expected: list[str]) -> None:
    story = a_story(*[story_scene(name) for name in "abcd"], batch=BATCH)
    assert offered(plan_story(a_view(story, steps, now=at(now)))) == expected


def test_the_pause_says_when_to_look_again() -> None:
    story = a_story(*[story_scene(name) for name in "abc"], batch=BATCH)
    plan = plan_story(a_view(story, {"a/image": done(), "b/image": done(intent_at=at(5))}, now=at(6)))
    assert plan.wake_at == at(15)
    assert waiting(plan) == {"c/image": Reason.BATCH}


def test_a_scene_that_depends_on_one_of_a_later_batch_does_not_hold_up_that_batch() -> None:
    story = a_story(
        story_scene("a", dependsOn=["d"]), story_scene("b"), story_scene("c"), story_scene("d"), batch=BATCH
    )
    assert offered(plan_story(a_view(story))) == ["b/image"]
    begun = {"b/image": done()}
    assert offered(plan_story(a_view(story, begun, now=at(20)))) == ["c/image", "d/image"]
    begun |= {"c/image": done(), "d/image": done()}
    assert offered(plan_story(a_view(story, begun, now=at(40)))) == ["a/image"]


@pytest.mark.parametrize("make", [failed(), unknown()], ids=["failed for good", "has an unknown outcome"])
def test_a_scene_that_waits_for_one_that_will_not_come_holds_up_no_batch(make: Make) -> None:
    story = a_story(story_scene("a"), story_scene("b", dependsOn=["a"]), story_scene("c"), batch=BATCH)
    assert offered(plan_story(a_view(story, {"a/image": make}, now=at(60)))) == ["c/image"]


def test_a_scene_with_a_problem_holds_up_no_batch() -> None:
    story = a_story(story_scene("a"), story_scene("b", image=False, video="text"), story_scene("c"), batch=BATCH)
    known = providers() | {"veo": a_provider(blocked="no Secret")}
    assert offered(plan_story(a_view(story, {"a/image": done()}, providers=known, now=at(60)))) == ["c/image"]


def test_scenes_of_the_users_own_files_hold_up_no_batch() -> None:
    own = [story_scene(name, image=False, source={"uri": f"s3://own/{name}.png"}) for name in "ab"]
    story = a_story(*own, story_scene("c"), batch=BATCH)
    assert offered(plan_story(a_view(story, now=at(10)))) == ["c/image"]


def test_a_scene_whose_object_is_not_there_yet_holds_up_the_next_batch() -> None:
    story = a_story(*[story_scene(name) for name in "abc"], batch=BATCH)
    plan = plan_story(a_view(story, {"a/image": done()}, without=["b"], now=at(60)))
    assert offered(plan) == []
    assert waiting(plan) == {"c/image": Reason.BATCH}
