"""Stops buying at a provider that does not answer, and tries it again with one purchase at a time.

```
  closed ── three in a row without a clear answer ──► open ── its pause is over ──► half open
     ▲                                                 ▲                              │  │
     └──────────────── an answer, whatever it says ────┼──────────────────────────────┘  │
                                                       └── again none: twice the pause ──┘
```
A request without an answer may have been bought, so the fewer of them go out to a provider in trouble, the better.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from storyjob.api.outcome import FailureKind, Rejected, Submission, Unknown

THRESHOLD = 3
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=10)

State = Literal["Closed", "Open", "HalfOpen"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """What the newest purchases say of a provider."""

    failures: int = 0
    """In a row, without a clear answer."""
    until: datetime | None = None
    """Nothing is bought before; None while closed."""
    message: str | None = None
    """What the newest of the failures said."""

    def state(self, now: datetime) -> State:
        """Return the state by its name."""
        if self.until is None:
            return "Closed"
        return "Open" if now < self.until else "HalfOpen"

    def room(self, free: int, under_way: int, now: datetime) -> int:
        """Return how many of ``free`` purchases may begin while ``under_way`` have not been answered yet."""
        match self.state(now):
            case "Closed":
                return free
            case "Open":
                return 0
            case "HalfOpen":
                return min(free, max(0, 1 - under_way))

    def after(self, outcome: Submission, now: datetime) -> Circuit:
        """Return the circuit after a purchase was answered, or not."""
        message = _trouble(outcome)
        if message is None:
            return Circuit()
        failures = self.failures + 1
        if failures < THRESHOLD:
            return Circuit(failures, None, message)
        if self.state(now) == "Open":
            # One of those that were under way when it opened: that is no news.
            return Circuit(self.failures, self.until, message)
        pause = min(FIRST_PAUSE * 2 ** min(failures - THRESHOLD, 16), LONGEST_PAUSE)
        return Circuit(failures, now + pause, message)


def _trouble(outcome: Submission) -> str | None:
    match outcome:
        case Unknown(message):
            return message
        case Rejected(failure) if failure.kind is FailureKind.UNAVAILABLE:
            return failure.message
        case _:
            return None
