"""Stops buying at a provider that refuses the account, and tries it again with one purchase now and then.

```
  buying ── the credentials or the account are refused ──► halted ── its pause is over ──► one purchase tries it
     ▲                                                        ▲                               │  │
     ├── any answer about the request itself ─────────────────┼───────────────────────────────┘  │
     └── other credentials, an edit, a person's retry         └── refused again: a longer pause ─┘
```
A wrong key or an empty account is the same for every step, so one answer speaks for all of them: none is failed by it,
and a hundred scenes do not ask a hundred times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from storyjob.api.outcome import Accepted, Done, Failure, FailureKind, Rejected, Submission
from storyjob.api.reasons import Reason

FIRST_PAUSE = timedelta(minutes=1)
# An account is filled, and a right granted, without anybody telling us. A key that is wrong is asked about less often:
# some vendors lock out who shows it too often, and a new one is noticed by itself.
LONGEST_PAUSE: Mapping[Reason, timedelta] = {
    Reason.QUOTA: timedelta(minutes=5),
    Reason.UNAUTHORIZED: timedelta(hours=1),
}
_REASONS = {FailureKind.QUOTA: Reason.QUOTA, FailureKind.UNAUTHORIZED: Reason.UNAUTHORIZED}
REFUSALS = frozenset(_REASONS.values())
REMEDIES: Mapping[Reason, str] = {
    Reason.UNAUTHORIZED: "the Secret holds other credentials, or one purchase that is tried now and then is taken",
    Reason.QUOTA: "the account has credit again: one purchase tries it every few minutes",
}
_UNCLEAR = frozenset({FailureKind.THROTTLED, FailureKind.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is bought from a provider, and until when."""

    reason: Reason
    message: str
    until: datetime
    times: int = 1
    """How often it refused since it last took something."""

    def room(self, free: int, under_way: int, now: datetime) -> int:
        """Return how many of ``free`` purchases may begin while ``under_way`` have not been answered yet."""
        return 0 if now < self.until else min(free, max(0, 1 - under_way))


def after_answer(halt: Halt | None, outcome: Submission, now: datetime) -> Halt | None:
    """Return what a provider's answer to a purchase leaves of its halt, or begins."""
    match outcome:
        case Accepted() | Done():
            return None
        case Rejected(failure) if failure.kind in _REASONS:
            return after_failure(halt, failure, now)
        case Rejected(failure) if failure.kind not in _UNCLEAR:
            return None
        case _:
            return halt


def after_failure(halt: Halt | None, failure: Failure, now: datetime) -> Halt | None:
    """Return the halt after a refusal, of a purchase or of a question about a job."""
    reason = _REASONS.get(failure.kind)
    if reason is None or (halt is not None and now < halt.until):
        # One of those that were under way when it was halted: that is no news.
        return halt
    times = 1 if halt is None else halt.times + 1
    pause = min(FIRST_PAUSE * 2 ** min(times - 1, 16), LONGEST_PAUSE[reason])
    return Halt(reason, failure.message, now + pause, times)
