"""A provider that refuses the account is left alone for all steps at once, and tried with one purchase at a time."""

from __future__ import annotations

import pytest

from storyjob.api.outcome import (
    Accepted,
    BytesOutput,
    Done,
    Failure,
    FailureKind,
    Rejected,
    Result,
    Submission,
    Unknown,
)
from storyjob.api.reasons import Reason
from storyjob.planning.halt import Halt, after_answer, after_failure
from support.builders import NOW, at

EMPTY = Rejected(Failure(FailureKind.QUOTA, "no credit left"))
WRONG_KEY = Rejected(Failure(FailureKind.UNAUTHORIZED, "invalid token"))
HALT = Halt(Reason.QUOTA, "no credit left", at(60))


@pytest.mark.parametrize(
    ("refusal", "reason"), [(EMPTY, Reason.QUOTA), (WRONG_KEY, Reason.UNAUTHORIZED)], ids=["quota", "unauthorized"]
)
def test_one_refusal_halts_the_provider(refusal: Rejected, reason: Reason) -> None:
    assert after_answer(None, refusal, NOW) == Halt(reason, refusal.failure.message, at(60))


@pytest.mark.parametrize(
    "answer",
    [
        Accepted("job-1"),
        Done(Result(BytesOutput(b"", "image/png"))),
        pytest.param(Rejected(Failure(FailureKind.INVALID, "no such model")), id="it looked at the request"),
    ],
)
def test_an_answer_to_the_request_itself_ends_it(answer: Submission) -> None:
    assert after_answer(HALT, answer, at(61)) is None


@pytest.mark.parametrize(
    "answer",
    [
        Unknown("the connection broke"),
        pytest.param(Rejected(Failure(FailureKind.THROTTLED, "slow down")), id="throttled"),
        pytest.param(Rejected(Failure(FailureKind.UNAVAILABLE, "connection refused")), id="away"),
    ],
)
def test_what_says_nothing_of_the_account_changes_nothing(answer: Submission) -> None:
    assert after_answer(HALT, answer, at(61)) == HALT
    assert after_answer(None, answer, NOW) is None


def test_those_that_were_under_way_do_not_prolong_it() -> None:
    assert after_answer(HALT, EMPTY, at(59)) == HALT


@pytest.mark.parametrize(
    ("refusal", "longest"),
    [pytest.param(EMPTY, 300, id="an account may be filled any minute"), pytest.param(WRONG_KEY, 3600, id="a key")],
)
def test_each_failed_probe_doubles_the_pause_up_to_a_limit(refusal: Rejected, longest: int) -> None:
    halt, moment, pauses = None, NOW, list[float]()
    for _ in range(9):
        halt = after_answer(halt, refusal, moment)
        assert halt is not None
        pauses.append((halt.until - moment).total_seconds())
        moment = halt.until
    assert pauses[:3] == [60, 120, 240]
    assert pauses[-1] == longest


@pytest.mark.parametrize(
    ("free", "under_way", "seconds", "expected"),
    [
        pytest.param(9, 0, 59, 0, id="not yet"),
        pytest.param(9, 0, 60, 1, id="one tries it"),
        pytest.param(9, 1, 60, 0, id="and none while that one is not answered"),
        pytest.param(0, 0, 60, 0, id="no slot"),
    ],
)
def test_room(free: int, under_way: int, seconds: float, expected: int) -> None:
    assert HALT.room(free, under_way, at(seconds)) == expected


def test_a_failure_that_is_the_requests_own_halts_nobody() -> None:
    assert after_failure(None, Failure(FailureKind.REFUSED, "a filter"), NOW) is None
