"""Whose turn it is within a story: pictures side by side, narrations in order, dependencies, pauses after failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.reasons import Reason
from storyjob.api.step import StepPhase
from storyjob.planning.story import plan_story
from support.builders import (
    Make,
    a_hash,
    a_step,
    a_story,
    a_view,
    at,
    backing_off,
    done,
    failed,
    names,
    next_in_line,
    offered,
    running,
    stale,
    story_scene,
    unknown,
    waiting,
)
from support.properties import quick

Steps = dict[str, Make]


def scenes(count: int, **fields: Any) -> list[Any]:
    return [story_scene(name, audio=True, **fields) for name in "abcdefgh"[:count]]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param({}, ["a/image", "b/image", "a/audio"], id="pictures and narrations begin at the same time"),
        pytest.param(
            {"a/image": running(), "b/image": running()}, ["a/audio"], id="no more pictures at once than allowed"
        ),
        pytest.param({"a/image": running()}, ["b/image", "a/audio"], id="as many as there is room for"),
        pytest.param({"a/image": done()}, ["b/image", "c/image", "a/audio"], id="what is done makes room"),
        pytest.param({"a/audio": running()}, ["a/image", "b/image"], id="one narration after the other"),
        pytest.param({"a/audio": done()}, ["a/image", "b/image", "b/audio"], id="the next narration follows"),
        pytest.param({"a/audio": failed()}, ["a/image", "b/image", "b/audio"], id="a failed narration stops no other"),
        pytest.param(
            {"a/audio": backing_off(5)},
            ["a/image", "b/image"],
            id="a narration that is tried again keeps its place: no other overtakes it",
        ),
        pytest.param(
            {"a/image": backing_off(5)}, ["b/image", "c/image", "a/audio"], id="a picture that is tried again does not"
        ),
        pytest.param(
            {"a/audio": unknown(), "a/image": unknown()},
            ["b/image", "c/image", "b/audio"],
            id="an outcome that nobody knows holds up nobody",
        ),
    ],
)
def test_what_may_begin_now(steps: Steps, expected: list[str]) -> None:
    story = a_story(*scenes(3), parallelism={"image": 2, "audio": 1})
    assert offered(plan_story(a_view(story, steps))) == expected


@pytest.mark.parametrize("phase", [StepPhase.SUBMITTING, StepPhase.RUNNING, StepPhase.STORING])
def test_a_living_attempt_takes_up_room_until_it_is_stored(phase: StepPhase) -> None:
    view = a_view(a_story(*scenes(2)), {"a/audio": a_step(phase)})
    assert waiting(plan_story(view))["b/audio"] is Reason.TURN


def test_what_is_just_being_bought_takes_up_room_and_is_not_offered_again() -> None:
    view = a_view(a_story(*scenes(2), parallelism={"image": 1}), busy=names(["a/image"]))
    plan = plan_story(view)
    assert offered(plan) == ["a/audio"]
    assert waiting(plan)["b/image"] is Reason.TURN


def test_the_next_narration_need_not_wait_for_this_ones_way_into_the_bucket() -> None:
    view = a_view(a_story(*scenes(3)), {"a/audio": running()}, busy=names(["a/audio"]), generated=names(["a/audio"]))
    plan = plan_story(view)
    assert [name for name in offered(plan) if name.endswith("audio")] == ["b/audio"]
    assert waiting(plan)["c/audio"] is Reason.TURN


@pytest.mark.parametrize(
    ("steps", "fields", "expected"),
    [
        pytest.param({"a/audio": running()}, {}, {"b/audio": ["a/audio"]}, id="the narration after the one that runs"),
        pytest.param({}, {}, {}, id="not after what was only just offered"),
        pytest.param({"a/audio": done()}, {}, {}, id="not where it is somebody's turn already"),
        pytest.param(
            {"a/audio": running(), "b/audio": running()},
            {"parallelism": {"audio": 2}},
            {"c/audio": ["a/audio", "b/audio"]},
            id="after whichever of two ends first",
        ),
        pytest.param(
            {"a/audio": running(), "b/audio": running()},
            {"parallelism": {"audio": 1}},
            {},
            id="not where more run than there is room for since an edit",
        ),
        pytest.param(
            {"a/audio": running(), "b/audio": backing_off(5)},
            {},
            {},
            id="one that waits to be tried again is not passed",
        ),
    ],
)
def test_who_is_next_in_line_is_decided_ahead(
    steps: Steps, fields: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    parallelism = {"image": 4, **fields.get("parallelism", {})}
    plan = plan_story(a_view(a_story(*scenes(4), parallelism=parallelism), steps))
    assert next_in_line(plan) == expected
    assert not set(next_in_line(plan)) & set(offered(plan))
    assert {waiting(plan)[name] for name in expected} <= {Reason.TURN}


def test_nobody_is_next_in_line_behind_a_narration_that_is_being_looked_for() -> None:
    view = a_view(a_story(*scenes(3)), {"a/audio": running()}, searching=names(["b/audio"]))
    assert next_in_line(plan_story(view)) == {}


def test_what_is_being_bought_already_is_not_next_in_line() -> None:
    view = a_view(a_story(*[story_scene(name, audio={"text": "the same"}) for name in "ab"]), {"a/audio": running()})
    (other,) = plan_story(view).successors
    assert next_in_line(plan_story(replace(view, being_bought=frozenset({other.input_hash})))) == {}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param({}, [], id="it waits while the other has not begun"),
        pytest.param({"b/image": done(), "b/audio": running()}, [], id="a part of the other is not enough"),
        pytest.param(
            {"b/image": done(), "b/audio": done()}, ["a/image", "a/audio"], id="it begins once it is complete"
        ),
        pytest.param({"b/image": failed(), "b/audio": done()}, [], id="not when the other failed"),
    ],
)
def test_dependencies(steps: Steps, expected: list[str]) -> None:
    story = a_story(story_scene("a", audio=True, dependsOn=["b"]), story_scene("b", audio=True))
    plan = plan_story(a_view(story, steps))
    assert [name for name in offered(plan) if name.startswith("a")] == expected


@pytest.mark.parametrize("choice", ["Skip", "Placeholder"])
def test_a_failed_scene_does_not_stop_what_depends_on_it_where_the_story_goes_on_without(choice: str) -> None:
    story = a_story(story_scene("a"), story_scene("b", dependsOn=["a"]), onSceneFailure=choice)
    assert offered(plan_story(a_view(story, {"a/image": failed()}))) == ["b/image"]


def test_a_narration_that_must_wait_for_a_later_scene_lets_it_go_first() -> None:
    """Else strict order and the dependency would wait for each other for ever."""
    story = a_story(story_scene("a", audio=True, dependsOn=["b"]), story_scene("b", audio=True))
    plan = plan_story(a_view(story))
    assert offered(plan) == ["b/image", "b/audio"]
    assert waiting(plan) == {"a/image": Reason.DEPENDENCY, "a/audio": Reason.DEPENDENCY}


def test_a_step_in_backoff_says_when_to_look_again_and_begins_then() -> None:
    story = a_story(*scenes(1))
    early = plan_story(a_view(story, {"a/image": backing_off(5), "a/audio": backing_off(3)}))
    assert waiting(early) == {"a/image": Reason.BACKOFF, "a/audio": Reason.BACKOFF}
    assert early.wake_at == at(3)
    assert offered(plan_story(a_view(story, {"a/image": backing_off(5)}, now=at(5)))) == ["a/image", "a/audio"]


def test_a_new_wish_does_not_wait_for_the_pause_of_the_old_one() -> None:
    view = a_view(a_story(story_scene("a")), {"a/image": backing_off(5, allowance="of another wish")})
    assert offered(plan_story(view)) == ["a/image"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param({"a/image": done()}, [], id="what is as wanted stays"),
        pytest.param({"a/image": stale()}, ["a/image"], id="what an edit made stale is made anew"),
        pytest.param({"a/image": running(input_hash=a_hash("old"))}, [], id="what runs for an old wish ends first"),
        pytest.param({"a/image": failed()}, [], id="what failed waits for a person"),
        pytest.param(
            {"a/image": failed(allowance="of another wish")}, ["a/image"], id="a failure of an old wish does not count"
        ),
    ],
)
def test_only_what_is_not_as_wanted_is_made(steps: Steps, expected: list[str]) -> None:
    assert offered(plan_story(a_view(a_story(story_scene("a")), steps))) == expected


def test_a_story_that_may_not_buy_offers_and_looks_for_nothing() -> None:
    plan = plan_story(a_view(a_story(*scenes(2)), searched=False, may_buy=False))
    assert (plan.offers, plan.searches) == ([], [])
    assert set(waiting(plan).values()) == {Reason.SUSPENDED}


@quick
@given(
    st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8),
    st.integers(1, 3),
    st.none() | st.integers(1, 4),
)
def test_every_story_without_a_circle_comes_to_its_end(
    wanted: list[list[int]], parallel: int, batch: int | None
) -> None:
    """Buy what is offered, again and again: narrations never overtake, limits always hold, nothing waits for ever."""
    count = len(wanted)
    # An edge goes from the higher to the lower of two shuffled numbers, so that there is no circle.
    rank = [(place * 5 + 3) % 8 for place in range(count)]
    depends = [sorted({o % count for o in others if rank[o % count] < rank[me]}) for me, others in enumerate(wanted)]
    known = "abcdefgh"
    pauses: dict[str, Any] = {"batch": {"size": batch, "intervalSeconds": 10}} if batch else {}
    all_scenes = [
        story_scene(known[place], audio=True, dependsOn=[known[other] for other in depends[place]])
        for place in range(count)
    ]
    story = a_story(*all_scenes, parallelism={"image": parallel}, **pauses)
    made: Steps = {}
    for turn in range(4 * count + 4):
        plan = plan_story(a_view(story, made, now=at(20 * turn)))
        bought = offered(plan)
        assert sum(name.endswith("image") for name in bought) <= parallel
        assert sum(name.endswith("audio") for name in bought) <= 1
        made |= {name: done(intent_at=at(20 * turn)) for name in bought}
        if len(made) == 2 * count:
            break
    assert len(made) == 2 * count
    assert all(view.complete for view in plan_story(a_view(story, made)).views)
