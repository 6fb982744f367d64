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
# Not the step's fault: it waits until its provider takes something again, which is seen to for all steps at once.
HELD = frozenset({FailureKind.UNAUTHORIZED, FailureKind.QUOTA})
FINAL = frozenset({FailureKind.REFUSED, FailureKind.INVALID})


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, not before ``at``."""

    at: datetime
    failures: int
    reason: Reason
    throttles: int = 0
    """How often in a row nothing was taken; the pauses grow with it."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Only a person can help: an edit, or the retry annotation."""

    failures: int
    reason: Reason


Verdict = Again | GiveUp


def after_rejection(failure: Failure, failures: int, policy: Retry, *, throttles: int, now: datetime) -> Verdict:
    """Return what follows a request that was surely not taken, given what was counted before it."""
    reason = REASONS[failure.kind]
    if failure.kind in HELD:
        return Again(now, failures, reason, throttles)
    if failure.kind in FREE:
        pause = _pause(policy, throttles + 1, failure.retry_after)
        return Again(now + pause, failures, reason, throttles + 1)
    return after_failure(failure, failures, policy, now=now)


def after_failure(failure: Failure, failures: int, policy: Retry, *, now: datetime) -> Verdict:
    """Return what follows a job that ended badly, given how many were counted before it.

    It was taken and may have cost money, so it is counted whatever the provider calls it.
    """
    reason, counted = REASONS[failure.kind], failures + 1
    if failure.kind in FINAL or counted > policy.limit:
        return GiveUp(counted, reason)
    return Again(now + _pause(policy, counted, failure.retry_after), counted, reason)


def pause_after(policy: Retry, nth: int) -> float:
    """Return the seconds to wait after the nth failure."""
    # The exponent is bounded because a float overflows long before the maximum is compared.
    return min(policy.backoff_seconds * policy.factor ** min(max(nth - 1, 0), 64), float(policy.max_backoff_seconds))


def _pause(policy: Retry, nth: int, asked: float | None) -> timedelta:
    return timedelta(seconds=max(pause_after(policy, nth), asked or 0.0))
