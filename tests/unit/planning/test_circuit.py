"""A provider that does not answer is left alone, ever longer, and tried with one purchase at a time."""

from __future__ import annotations

import pytest

from storyjob.api.outcome import Accepted, Failure, FailureKind, Rejected, Submission, Unknown
from storyjob.planning.circuit import Circuit
from support.builders import NOW, at

DROPPED = Unknown("the connection broke")
DOWN = Rejected(Failure(FailureKind.UNAVAILABLE, "connection refused"))


def after(*outcomes: Submission, circuit: Circuit | None = None, seconds: float = 0) -> Circuit:
    circuit = circuit or Circuit()
    for outcome in outcomes:
        circuit = circuit.after(outcome, at(seconds))
    return circuit


def test_two_failures_are_bad_luck_and_three_are_not() -> None:
    assert after(DROPPED, DOWN).state(NOW) == "Closed"
    opened = after(DROPPED, DOWN, DROPPED)
    assert opened.state(NOW) == "Open"
    assert opened.message == "the connection broke"
    assert opened.room(10, 0, at(29)) == 0


@pytest.mark.parametrize(
    "answer",
    [
        Accepted("job-1"),
        pytest.param(Rejected(Failure(FailureKind.THROTTLED, "slow down")), id="throttled"),
        pytest.param(Rejected(Failure(FailureKind.INVALID, "no such model")), id="invalid"),
    ],
)
def test_any_answer_closes_it(answer: Submission) -> None:
    assert after(DROPPED, DROPPED, answer, DROPPED, DROPPED).state(NOW) == "Closed"
    opened = after(DROPPED, DROPPED, DROPPED)
    assert after(answer, circuit=opened, seconds=31) == Circuit()


def test_half_open_lets_one_purchase_through_at_a_time() -> None:
    opened = after(DROPPED, DROPPED, DROPPED)
    assert opened.state(at(30)) == "HalfOpen"
    assert opened.room(10, 0, at(30)) == 1
    assert opened.room(10, 1, at(30)) == 0
    assert opened.room(0, 0, at(30)) == 0


def test_each_failed_probe_doubles_the_pause_up_to_ten_minutes() -> None:
    circuit, seconds, pauses = after(DROPPED, DROPPED, DROPPED), 30.0, list[float]()
    for _ in range(7):
        circuit = after(DOWN, circuit=circuit, seconds=seconds)
        assert circuit.until is not None
        pauses.append((circuit.until - at(seconds)).total_seconds())
        seconds += pauses[-1]
    assert pauses == [60, 120, 240, 480, 600, 600, 600]


def test_purchases_that_were_under_way_when_it_opened_do_not_prolong_it() -> None:
    opened = after(DROPPED, DROPPED, DROPPED)
    assert after(DROPPED, DROPPED, circuit=opened, seconds=1).until == opened.until
