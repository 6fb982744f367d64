"""What becomes of an attempt whose outcome nobody knows; nothing is bought again that nobody chose to."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.api.capabilities import Find
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind
from storyjob.api.step import StepPhase as P
from storyjob.api.unknown import UnknownOutcome
from storyjob.planning.actions import Abandon, LiveAction, Order, Rest, Seek, Take
from storyjob.planning.unknown import SOUGHT_FOR, Choice, order_for, unknown_next
from support.builders import NOW, a_hash, a_step, at, capabilities

TOKEN = "0000" + a_hash("token")[4:]  # pauses without jitter
BLIND, SEEING = capabilities(find=Find.NONE), capabilities(find=Find.LIKELY)


def lost(**fields: Any) -> StepStatus:
    return a_step(P.OUTCOME_UNKNOWN, **({"token_hash": TOKEN, "lost_at": NOW, "job_id": None} | fields))


def wants(policy: str = "Wait", **fields: Any) -> Choice:
    return Choice(UnknownOutcome(policy=policy, grace_seconds=600, **fields))  # type: ignore[arg-type]


def kind(action: LiveAction) -> Any:
    return (Abandon, action.again) if isinstance(action, Abandon) else type(action)


@pytest.mark.parametrize("policy", ["Wait", "Resubmit", "Fail"])
def test_within_the_grace_nothing_is_given_up(policy: str) -> None:
    assert kind(unknown_next(lost(), BLIND, wants(policy), None, at(599))) is Rest


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param(wants(), Rest, id="Wait waits"),
        pytest.param(wants("Resubmit"), (Abandon, True), id="Resubmit"),
        pytest.param(wants("Fail"), (Abandon, False), id="Fail"),
        pytest.param(wants(resubmit_below="0.05"), (Abandon, True), id="cheap enough to be bought again"),
        pytest.param(wants("Fail", resubmit_below="0.05"), (Abandon, True), id="cheap enough, although it would fail"),
        pytest.param(wants(resubmit_below="0.04"), Rest, id="not below"),
    ],
)
def test_after_the_grace_the_choice_holds(choice: Choice, expected: Any) -> None:
    assert kind(unknown_next(lost(estimated_cost="0.04"), BLIND, choice, None, at(600))) == expected


def test_what_has_no_price_is_never_cheap() -> None:
    step = lost(estimated_cost=None)
    assert unknown_next(step, BLIND, wants(resubmit_below="100"), None, at(10_000)) == Rest()


def test_it_wakes_when_something_will_happen_and_not_else() -> None:
    assert unknown_next(lost(), BLIND, wants("Fail"), None, at(1)) == Rest(at(600))
    assert unknown_next(lost(), BLIND, wants(), None, at(1)) == Rest()


def test_a_provider_that_can_look_is_asked_at_once_and_then_ever_more_rarely() -> None:
    asked, times = None, list[float]()
    for second in range(0, 1_000):
        if isinstance(unknown_next(lost(), SEEING, wants(), asked, at(second)), Seek):
            asked = at(second)
            times.append(second)
    assert times == [0, 5, 15, 35, 75, 155, 315, 615, 915]


def test_nobody_looks_for_a_job_whose_id_is_known_nor_for_ever() -> None:
    assert unknown_next(lost(job_id="job-1"), SEEING, wants(), None, at(1)) == Rest()
    assert unknown_next(lost(), SEEING, wants(), None, NOW + SOUGHT_FOR) == Rest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resubmit", (Abandon, True)),
        ("fail", (Abandon, False)),
        ("resubmit once more", (Abandon, True)),
        ("audio=fail, image=resubmit", (Abandon, True)),
        ("gm3qorzdhgbfurvjtvhg6dckhu", Take),
        ("image=projects/p/operations/1", Take),
        ("audio=resubmit", Rest),
        ("", Rest),
        (",,=,", Rest),
        ("x" * 600, Rest),
    ],
)
def test_a_person_may_say_what_is_to_be_done(text: str, expected: Any) -> None:
    choice = Choice(UnknownOutcome(), order_for(text, StepKind.IMAGE, lost()))
    assert kind(unknown_next(lost(), BLIND, choice, None, at(1))) == expected


def test_an_order_is_obeyed_once() -> None:
    """Else an annotation that was forgotten on a Scene would buy again whenever an outcome is unknown."""
    text = "resubmit" + " please" * 100
    order = order_for(text, StepKind.IMAGE, lost())
    assert order == Order("resubmit", text)
    assert order_for(text, StepKind.IMAGE, lost(resolution=text[:256])) is None
    assert order_for("resubmit again", StepKind.IMAGE, lost(resolution=text[:256])) is not None


def test_a_named_job_is_taken_as_it_was_written() -> None:
    order = order_for("image=Job/With.odd-signs_1 from the dashboard", StepKind.IMAGE, lost())
    assert unknown_next(lost(), BLIND, Choice(UnknownOutcome(), order), None, NOW) == Take(
        "Job/With.odd-signs_1", order or Order("", "")
    )
