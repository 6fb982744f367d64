"""How a story stands as a whole: going on, waiting for its film, or over, and why."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.planning.ending import FilmState, Standstill, Verdict, judge
from storyjob.planning.story import plan_story
from storyjob.planning.validate import Problem
from support.builders import (
    Make,
    a_story,
    a_view,
    backing_off,
    done,
    failed,
    names,
    running,
    story_scene,
    unknown,
)

Steps = dict[str, Make]
ALL: Steps = {"a/image": done(), "b/image": done()}
NO_FILM, FILM = FilmState(), FilmState(hash="f", done=True)


def verdict(
    steps: Steps | None = None,
    *,
    film: FilmState = NO_FILM,
    still: Standstill | None = None,
    graph: tuple[Problem, ...] = (),
    spec: dict[str, Any] | None = None,
    **view: Any,
) -> Verdict:
    scenes = [story_scene("a"), story_scene("b")]
    story = a_story(*scenes, **(spec or {}))
    still = still or Standstill()
    view.setdefault("may_buy", still == Standstill())
    return judge(story, plan_story(a_view(story, steps or {}, **view)), graph, film, still)


def phase(found: Verdict) -> tuple[str, Reason]:
    return found.phase, found.reason


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param({}, ("Pending", Reason.PENDING), id="nothing has begun"),
        pytest.param({"a/image": running()}, ("Processing", Reason.GENERATING), id="something has"),
        pytest.param({"a/image": done()}, ("Processing", Reason.GENERATING), id="a part is done"),
        pytest.param(ALL, ("Finalizing", Reason.FINALIZING), id="all media are there"),
        pytest.param(
            {"a/image": failed(), "b/image": running()}, ("Processing", Reason.GENERATING), id="others still run"
        ),
        pytest.param({"a/image": failed()}, ("Processing", Reason.GENERATING), id="others can still be made"),
        pytest.param(
            {"a/image": failed(), "b/image": backing_off(60)},
            ("Processing", Reason.GENERATING),
            id="others are retried",
        ),
        pytest.param(
            {"a/image": failed(), "b/image": unknown()}, ("Processing", Reason.GENERATING), id="one may still come"
        ),
        pytest.param({"a/image": failed(), "b/image": done()}, ("Failed", Reason.SCENE_FAILED), id="only it is left"),
        pytest.param({"a/image": failed(), "b/image": failed()}, ("Failed", Reason.SCENE_FAILED), id="all failed"),
    ],
)
def test_how_a_story_stands(steps: Steps, expected: tuple[str, Reason]) -> None:
    assert phase(verdict(steps)) == expected


@pytest.mark.parametrize(
    "view",
    [
        pytest.param({"searching": names(["b/image"])}, id="the bucket is being asked"),
        pytest.param({"searched": False}, id="the bucket is to be asked"),
        pytest.param({"busy": names(["b/image"])}, id="its purchase has begun and its intent is being written"),
        pytest.param({"without": ["b"]}, id="its object is not there yet"),
    ],
)
def test_a_story_has_not_failed_while_anything_may_still_happen(view: dict[str, Any]) -> None:
    assert verdict({"a/image": failed()}, **view).phase == "Processing"


def test_a_story_fails_when_the_rest_waits_for_what_failed() -> None:
    story = a_story(story_scene("a"), story_scene("b", dependsOn=["a"]))
    plan = plan_story(a_view(story, {"a/image": failed()}))
    found = judge(story, plan, (), NO_FILM, Standstill())
    assert phase(found) == ("Failed", Reason.SCENE_FAILED)
    assert found.message == "1 scene failed: a (image: ContentRefused: no)"


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        pytest.param(FILM, ("Completed", Reason.COMPLETED), id="the film is there"),
        pytest.param(FilmState("f", error="disk full"), ("Finalizing", Reason.FINALIZING), id="it is tried again"),
        pytest.param(FilmState("f", error="no codec", gave_up=True), ("Failed", Reason.FILM_FAILED), id="given up"),
        pytest.param(
            FilmState("f", error='OutputLost: scene "a": it is gone', gave_up=True),
            ("Failed", Reason.OUTPUT_LOST),
            id="what it is made of is gone",
        ),
    ],
)
def test_the_film(film: FilmState, expected: tuple[str, Reason]) -> None:
    found = verdict(ALL, film=film)
    assert phase(found) == expected
    assert (film.error or "in the bucket") in found.message


@pytest.mark.parametrize(
    ("choice", "steps", "expected", "degraded"),
    [
        pytest.param("Skip", {"a/image": failed(), "b/image": done()}, "Finalizing", "left out", id="left out"),
        pytest.param(
            "Placeholder", {"a/image": failed(), "b/image": done()}, "Finalizing", "title card", id="a title card"
        ),
        pytest.param("Skip", {"a/image": failed()}, "Processing", None, id="not before the others are ready"),
        pytest.param("Skip", {"a/image": failed(), "b/image": failed()}, "Failed", None, id="nothing would be left"),
        pytest.param(
            "Placeholder", {"a/image": failed(), "b/image": failed()}, "Finalizing", "2 of 2", id="title cards only"
        ),
    ],
)
def test_a_story_that_goes_on_without_what_failed(
    choice: str, steps: Steps, expected: str, degraded: str | None
) -> None:
    found = verdict(steps, spec={"onSceneFailure": choice})
    assert found.phase == expected
    assert (found.degraded is None) if degraded is None else (degraded in (found.degraded or ""))


SUSPENDED, OVER = Standstill(suspended=True), Standstill(deadline_over=True)
NO_BUCKET = Standstill(storage="403 from the bucket")


@pytest.mark.parametrize(
    ("still", "steps", "expected"),
    [
        pytest.param(SUSPENDED, {}, ("Suspended", Reason.SUSPENDED), id="suspended"),
        pytest.param(SUSPENDED, ALL, ("Suspended", Reason.SUSPENDED), id="suspended before the film"),
        pytest.param(
            OVER, {"a/image": running()}, ("Processing", Reason.GENERATING), id="what runs is still collected"
        ),
        pytest.param(OVER, {"a/image": done()}, ("Failed", Reason.DEADLINE_EXCEEDED), id="the deadline ends a story"),
        pytest.param(OVER, {"a/image": unknown()}, ("Failed", Reason.DEADLINE_EXCEEDED), id="whatever is unknown"),
        pytest.param(OVER, ALL, ("Finalizing", Reason.FINALIZING), id="but not one that has all its media"),
        pytest.param(
            OVER,
            {"a/image": failed(), "b/image": done()},
            ("Failed", Reason.SCENE_FAILED),
            id="nor does it hide a failure",
        ),
        pytest.param(
            NO_BUCKET, {"a/image": done()}, ("Processing", Reason.STORAGE), id="a bucket that refuses is waited for"
        ),
        pytest.param(NO_BUCKET, {"a/image": failed()}, ("Processing", Reason.STORAGE), id="also when something failed"),
    ],
)
def test_what_keeps_a_story_from_buying(still: Standstill, steps: Steps, expected: tuple[str, Reason]) -> None:
    assert phase(verdict(steps, still=still)) == expected


def test_a_story_that_is_finished_stays_so_when_it_is_suspended() -> None:
    assert verdict(ALL, film=FILM, still=SUSPENDED).phase == "Completed"


def test_a_suspended_story_says_that_its_jobs_are_still_collected() -> None:
    assert "still collected" in verdict({"a/image": running()}, still=SUSPENDED).message
    assert "still collected" not in verdict({"a/image": unknown()}, still=SUSPENDED).message


def test_a_job_is_seen_to_run_beside_an_outcome_that_nobody_knows() -> None:
    story = a_story(story_scene("a", audio=True))
    plan = plan_story(a_view(story, {"a/image": unknown(), "a/audio": running()}, may_buy=False))
    assert judge(story, plan, (), NO_FILM, OVER).phase == "Processing"


def test_a_story_that_cannot_work_as_a_whole_fails_and_says_why() -> None:
    problems = [Problem(Reason.UNKNOWN_SCENE, f"problem {number}") for number in range(5)]
    found = verdict(ALL, film=FILM, still=SUSPENDED, graph=tuple(problems))
    assert phase(found) == ("Failed", Reason.UNKNOWN_SCENE)
    assert found.message == "problem 0; problem 1; problem 2; and 2 more"


def test_a_problem_is_the_reason_where_nothing_else_can_go_on() -> None:
    broken = story_scene("a", image={"prompt": "a", "providerRef": {"name": "nobody"}})
    story = a_story(broken, story_scene("b"))
    still_going = judge(story, plan_story(a_view(story)), (), NO_FILM, Standstill())
    over = judge(story, plan_story(a_view(story, {"b/image": done()})), (), NO_FILM, Standstill())
    assert (still_going.phase, phase(over)) == ("Pending", ("Failed", Reason.PROVIDER_NOT_FOUND))
    assert 'no MediaProvider "nobody"' in over.message


def test_the_message_says_what_is_waited_for() -> None:
    story = a_story(*[story_scene(name, audio=True) for name in "abc"])
    found = judge(story, plan_story(a_view(story, {"a/audio": running()})), (), NO_FILM, Standstill())
    assert found.message == "0 of 3 scenes are complete; 2 × WaitingForTurn"
