"""Decides what follows a failure: another try after a pause, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storyjob.api.outcome import Failure, FailureKind
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import Retry

REASONS: dict[FailureKind, Reason] = {
    FailureKind.THROTTLED: Reason.THROTTLED,
    FailureKind.UNAVAILABLE: Reason.UNAVAILABLE,
    FailureKind.FAILED: Reason.GENERATION_FAILED,
    FailureKind.REFUSED: Reason.REFUSED,
    FailureKind.INVALID: Reason.INVALID_REQUEST,
    FailureKind.UNAUTHORIZED: Reason.UNAUTHORIZED,
    FailureKind.QUOTA: Reason.QUOTA,
}

# Waiting for a busy or absent provider costs nothing, so it is never counted against the limit.
FREE = frozenset({FailureKind.THROTTLED, FailureKind.UNAVAILABLE})
FINAL = frozenset({FailureKind.REFUSED, FailureKind.INVALID, FailureKind.UNAUTHORIZED, FailureKind.QUOTA})


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, not before ``at``."""

    at: datetime
    failures: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Only a person can help: an edit, or the retry annotation."""

    failures: int
    reason: Reason


Verdict = Again | GiveUp


def verdict(failure: Failure, failures: int, policy: Retry, *, attempt: int, now: datetime) -> Verdict:
    """Return what follows a failure, given how many were counted before it and the attempt's number."""
    reason = REASONS[failure.kind]
    if failure.kind in FREE:
        return Again(now + _pause(policy, attempt, failure.retry_after), failures, reason)
    counted = failures + 1
    if failure.kind in FINAL or counted > policy.limit:
        return GiveUp(counted, reason)
    return Again(now + _pause(policy, counted, failure.retry_after), counted, reason)


def pause_after(policy: Retry, nth: int) -> float:
    """Return the seconds to wait after the nth failure."""
    # The exponent is bounded because a float overflows long before the maximum is compared.
    return min(policy.backoff_seconds * policy.factor ** min(max(nth - 1, 0), 64), float(policy.max_backoff_seconds))


def _pause(policy: Retry, nth: int, asked: float | None) -> timedelta:
    return timedelta(seconds=max(pause_after(policy, nth), asked or 0.0))
