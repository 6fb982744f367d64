"""What follows a failure: a pause, the end, and what is never counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.outcome import Failure, FailureKind
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import Retry
from storyjob.planning.retry import FINAL, FREE, Again, GiveUp, Verdict, pause_after, verdict
from support.builders import NOW, at
from support.properties import quick

POLICY = Retry(limit=3, backoff_seconds=5, factor=2, max_backoff_seconds=300)
KIND = FailureKind


def after(kind: FailureKind, failures: int = 0, *, attempt: int = 1, asked: float | None = None) -> Verdict:
    return verdict(Failure(kind, "no", retry_after=asked), failures, POLICY, attempt=attempt, now=NOW)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(KIND.THROTTLED, Again(at(5), 0, Reason.THROTTLED), id="a busy provider is waited for, uncounted"),
        pytest.param(KIND.UNAVAILABLE, Again(at(5), 0, Reason.UNAVAILABLE), id="so is one that is away"),
        pytest.param(KIND.FAILED, Again(at(5), 1, Reason.GENERATION_FAILED), id="a failed job counts"),
        pytest.param(KIND.REFUSED, GiveUp(1, Reason.REFUSED), id="a content filter says the same again"),
        pytest.param(KIND.INVALID, GiveUp(1, Reason.INVALID_REQUEST), id="a request that is never taken"),
        pytest.param(KIND.UNAUTHORIZED, GiveUp(1, Reason.UNAUTHORIZED), id="credentials that a person must mend"),
        pytest.param(KIND.QUOTA, GiveUp(1, Reason.QUOTA), id="an account that a person must fill"),
    ],
)
def test_the_first_failure(kind: FailureKind, expected: Verdict) -> None:
    assert after(kind) == expected


def test_every_kind_of_failure_has_its_rule() -> None:
    assert FREE | FINAL | {KIND.FAILED} == set(KIND)
    assert not FREE & FINAL


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
    ("attempt", "asked", "expected"),
    [
        pytest.param(1, 60, 60, id="longer than our pause"),
        pytest.param(4, 1, 40, id="never shorter than our pause"),
        pytest.param(50, None, 300, id="no longer than the longest pause by ourselves"),
        pytest.param(1, 900, 900, id="but as long as the provider asks"),
    ],
)
def test_how_long_a_busy_provider_is_left_alone(attempt: int, asked: float | None, expected: float) -> None:
    found = after(KIND.THROTTLED, 3, attempt=attempt, asked=asked)
    assert found == Again(at(expected), 3, Reason.THROTTLED)


@quick
@given(st.builds(Retry, factor=st.floats(1, 10), backoff_seconds=st.integers(1, 3600)), st.integers(0, 10**6))
def test_pauses_grow_up_to_the_longest(policy: Retry, nth: int) -> None:
    assert 0 < pause_after(policy, nth) <= pause_after(policy, nth + 1) <= policy.max_backoff_seconds
