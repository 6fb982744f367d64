"""What follows a failure: a pause, the end, and what is never counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.outcome import Failure, FailureKind
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import Retry
from storyjob.planning.retry import (
    FINAL,
    FREE,
    HELD,
    Again,
    GiveUp,
    Verdict,
    after_failure,
    after_rejection,
    pause_after,
)
from support.builders import NOW, at
from support.properties import quick

POLICY = Retry(limit=3, backoff_seconds=5, factor=2, max_backoff_seconds=300)
KIND = FailureKind


def after(kind: FailureKind, failures: int = 0, *, throttles: int = 0, asked: float | None = None) -> Verdict:
    return after_rejection(Failure(kind, "no", retry_after=asked), failures, POLICY, throttles=throttles, now=NOW)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(KIND.THROTTLED, Again(at(5), 0, Reason.THROTTLED, 1), id="a busy provider is waited for"),
        pytest.param(KIND.UNAVAILABLE, Again(at(5), 0, Reason.UNAVAILABLE, 1), id="so is one that is away"),
        pytest.param(KIND.FAILED, Again(at(5), 1, Reason.GENERATION_FAILED), id="a failed job counts"),
        pytest.param(KIND.REFUSED, GiveUp(1, Reason.REFUSED), id="a content filter says the same again"),
        pytest.param(KIND.INVALID, GiveUp(1, Reason.INVALID_REQUEST), id="a request that is never taken"),
        pytest.param(
            KIND.UNAUTHORIZED,
            Again(NOW, 0, Reason.UNAUTHORIZED),
            id="a wrong key halts the provider",
        ),
        pytest.param(KIND.QUOTA, Again(NOW, 0, Reason.QUOTA), id="so does an empty account"),
    ],
)
def test_the_first_failure(kind: FailureKind, expected: Verdict) -> None:
    assert after(kind) == expected


def test_every_kind_of_failure_has_its_rule() -> None:
    assert FREE | FINAL | HELD | {KIND.FAILED} == set(KIND)
    assert len(FREE) + len(FINAL) + len(HELD) + 1 == len(KIND)


@pytest.mark.parametrize("kind", set(KIND) - FINAL)
def test_a_job_that_was_taken_and_ended_badly_counts_whatever_it_is_called(kind: FailureKind) -> None:
    found = after_failure(Failure(kind, "no"), 1, POLICY, now=NOW)
    assert (found.failures, isinstance(found, Again)) == (2, True)
    assert isinstance(after_failure(Failure(kind, "no"), POLICY.limit, POLICY, now=NOW), GiveUp)


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        pytest.param(0, Again(at(5), 1, Reason.GENERATION_FAILED), id="first retry"),
        pytest.param(1, Again(at(10), 2, Reason.GENERATION_FAILED), id="second retry, after twice the pause"),
        pytest.param(2, Again(at(20), 3, Reason.GENERATION_FAILED), id="third retry"),
        pytest.param(3, GiveUp(4, Reason.GENERATION_FAILED), id="a limit of 3 is three retries and no fourth"),
    ],
)
def test_a_failed_job_is_tried_again_as_often_as_the_story_says(failures: int, expected: Verdict) -> None:
    assert after(KIND.FAILED, failures) == expected


@pytest.mark.parametrize(
    ("throttles", "asked", "expected"),
    [
        pytest.param(0, 60, 60, id="longer than our pause"),
        pytest.param(3, 1, 40, id="never shorter than our pause"),
        pytest.param(50, None, 300, id="no longer than the longest pause by ourselves"),
        pytest.param(0, 900, 900, id="but as long as the provider asks"),
    ],
)
def test_how_long_a_busy_provider_is_left_alone(throttles: int, asked: float | None, expected: float) -> None:
    found = after(KIND.THROTTLED, 3, throttles=throttles, asked=asked)
    assert found == Again(at(expected), 3, Reason.THROTTLED, throttles + 1)


@quick
@given(st.builds(Retry, factor=st.floats(1, 10), backoff_seconds=st.integers(1, 3600)), st.integers(0, 10**6))
def test_pauses_grow_up_to_the_longest(policy: Retry, nth: int) -> None:
    assert 0 < pause_after(policy, nth) <= pause_after(policy, nth + 1) <= policy.max_backoff_seconds
