"""A story's status: conditions as kubectl, Helm, Flux and Argo CD read them, progress that never falls, cost, times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind
from storyjob.api.step import StepPhase as P
from storyjob.api.storyjob import Cost, Outputs, StoryJobStatus, StoryPhase
from storyjob.planning.clock import Clock
from storyjob.planning.ending import Verdict
from storyjob.planning.story import plan_story
from storyjob.planning.storystatus import Facts, story_status
from support.builders import (
    FLUX,
    NOW,
    Make,
    a_provider,
    a_scene,
    a_step,
    a_story,
    a_view,
    at,
    done,
    providers,
    running,
    story_scene,
    unknown,
)

REASONS: dict[StoryPhase, Reason] = {
    "Pending": Reason.PENDING,
    "Processing": Reason.GENERATING,
    "Finalizing": Reason.FINALIZING,
    "Completed": Reason.COMPLETED,
    "Failed": Reason.SCENE_FAILED,
    "Suspended": Reason.SUSPENDED,
}


def status(
    phase: StoryPhase = "Processing",
    steps: dict[str, Make] | None = None,
    *,
    before: StoryJobStatus | None = None,
    generation: int = 1,
    degraded: str | None = None,
    clock: Clock | None = None,
    **view: Any,
) -> StoryJobStatus:
    story = a_story(story_scene("a"), story_scene("b"), generation=generation, status=before)
    seen = a_view(story, steps or {}, **({"now": at(60)} | view))
    verdict = Verdict(phase, REASONS[phase], "why", degraded)
    return story_status(seen, plan_story(seen), Facts(verdict, clock or Clock(NOW, 0), Outputs(hash="f")))


def conditions(found: StoryJobStatus) -> dict[str, str]:
    return {condition.type: condition.status for condition in found.conditions}


RUNNING = {"Ready": "False", "Reconciling": "True"}


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        pytest.param("Pending", RUNNING, id="accepted: kstatus says InProgress"),
        pytest.param("Processing", RUNNING, id="at work: InProgress"),
        pytest.param("Finalizing", RUNNING, id="at its film: InProgress"),
        pytest.param("Completed", {"Ready": "True", "Complete": "True"}, id="done: Current"),
        pytest.param("Failed", {"Ready": "False", "Stalled": "True", "Failed": "True"}, id="failed for good: Failed"),
        pytest.param("Suspended", {"Ready": "False", "Suspended": "True"}, id="suspended: neither works nor fails"),
    ],
)
def test_conditions_follow_the_kstatus_contract(phase: StoryPhase, expected: dict[str, str]) -> None:
    found = status(phase, generation=3)
    assert conditions(found) == expected
    assert {condition.observed_generation for condition in found.conditions} == {3}
    assert {condition.reason for condition in found.conditions} == {REASONS[phase]}
    assert (found.observed_generation, found.phase, found.message) == (3, phase, "why")


def test_trouble_is_said_besides() -> None:
    found = status("Completed", degraded="1 of 2 scenes failed")
    assert conditions(found)["Degraded"] == "True"
    lost = status("Processing", {"b/image": unknown()})
    assert conditions(lost) == RUNNING | {"OutcomeUnknown": "True"}
    assert "b/image" in lost.conditions[-1].message
    stalled = status("Processing", providers={"voice": a_provider()})
    assert conditions(stalled) == RUNNING | {"Stalled": "True"}


def test_a_provider_that_refuses_the_account_is_named() -> None:
    empty = replace(a_provider(), halted_by=Reason.QUOTA, halt="no credit left")
    found = status("Processing", providers=providers() | {FLUX: empty})
    assert conditions(found) == RUNNING | {"Stalled": "True"}
    told = found.conditions[-1]
    assert (told.reason, told.message) == (Reason.QUOTA, 'MediaProvider "flux": no credit left')


def test_a_condition_keeps_its_time_while_it_holds_and_is_gone_with_its_trouble() -> None:
    first = status("Processing", {"b/image": unknown()}, now=at(1))
    second = status("Processing", before=first, now=at(2))
    third = status("Completed", before=second, now=at(3))
    times = [{c.type: c.last_transition_time for c in found.conditions} for found in (second, third)]
    assert times == [{"Ready": at(1), "Reconciling": at(1)}, {"Ready": at(3), "Complete": at(3)}]


@pytest.mark.parametrize(
    ("before", "generation", "phase", "expected"),
    [
        pytest.param(0, 1, "Processing", 50, id="what is done"),
        pytest.param(80, 1, "Processing", 80, id="it never falls within a generation"),
        pytest.param(80, 2, "Processing", 50, id="only an edit can make more to do"),
        pytest.param(100, 1, "Processing", 99, id="nothing but the film is 100"),
        pytest.param(80, 1, "Completed", 100, id="the film"),
        pytest.param(80, 1, "Failed", 80, id="a failure keeps what was reached"),
    ],
)
def test_progress(before: int, generation: int, phase: StoryPhase, expected: int) -> None:
    known = StoryJobStatus(observed_generation=1, progress=before)
    assert status(phase, {"a/image": done()}, before=known, generation=generation).progress == expected


# Money


PRICED = providers() | {FLUX: a_provider(prices=[{"model": "*", "perGeneration": "0.02"}])}


def gone(cost: str, uid: str) -> Scene:
    scene = a_scene(steps={StepKind.IMAGE: a_step(P.SUCCEEDED, cost=cost)})
    return scene.model_copy(update={"metadata": scene.metadata.model_copy(update={"uid": uid})})


def test_what_all_scenes_cost_and_should_cost() -> None:
    steps: dict[str, Make] = {"a/image": done(cost="0.03", previous_cost="0.02"), "b/image": running()}
    cost = status(steps=steps, providers=PRICED).cost
    assert (cost.estimated, cost.spent) == ("0.04", "0.07")


def test_without_a_price_for_everything_no_estimate_is_told() -> None:
    assert status().cost.estimated is None


@pytest.mark.parametrize(
    ("before", "leaving", "expected"),
    [
        pytest.param(Cost(retired="0.5"), (), "0.53", id="scenes that are gone"),
        pytest.param(Cost(), (gone("0.2", "uid-x"),), "0.23", id="a scene on its way out still counts"),
        pytest.param(
            Cost(retired="0.2", settling={"uid-x": "0.2"}),
            (gone("0.2", "uid-x"),),
            "0.23",
            id="one whose cost was moved already is not counted twice",
        ),
    ],
)
def test_what_was_spent_never_shrinks_when_scenes_go(before: Cost, leaving: tuple[Scene, ...], expected: str) -> None:
    known = StoryJobStatus(cost=before)
    found = status(steps={"a/image": done(cost="0.03")}, before=known, leaving=leaving)
    assert found.cost.spent == expected


# Times


def test_the_times_of_work_and_of_its_end() -> None:
    working = status("Processing", clock=Clock(NOW, 7))
    assert (working.start_time, working.active_seconds, working.completion_time) == (NOW, 7, None)
    ended = status("Completed", before=working, clock=Clock(NOW, 7), now=at(60))
    assert (ended.start_time, ended.completion_time) == (NOW, at(60))


@pytest.mark.parametrize("generation", [1, 2], ids=["looked at again", "edited without new work"])
def test_an_end_that_stands_keeps_its_times(generation: int) -> None:
    ended = status("Completed", clock=Clock(NOW, 7))
    again = status("Completed", before=ended, generation=generation, clock=Clock(at(900), 0), now=at(900))
    for name in ("start_time", "active_seconds", "completion_time"):
        assert getattr(again, name) == getattr(ended, name)


def test_new_work_after_the_end_has_a_beginning_and_no_end() -> None:
    ended = status("Failed", clock=Clock(NOW, 7))
    again = status("Processing", before=ended, clock=Clock(at(900), 0), now=at(900))
    assert (again.start_time, again.active_seconds, again.completion_time) == (at(900), 0, None)


def test_an_idle_story_has_the_same_status_again() -> None:
    first = status("Processing", {"a/image": running()}, now=at(1))
    assert status("Processing", {"a/image": running()}, before=first, now=at(2)) == first


def test_a_long_message_is_cut() -> None:
    view = a_view(a_story())
    verdict = Verdict("Failed", Reason.SCENE_FAILED, "x" * 5000)
    found = story_status(view, plan_story(view), Facts(verdict, Clock(NOW, 0), None))
    assert len(found.message or "") == 1024
    assert max(len(condition.message) for condition in found.conditions) == 1024
