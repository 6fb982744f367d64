"""The clocks and the dice: the only code of the operator that reads them, so that a simulation can set them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Ambient:
    """What a process learns without asking anybody, and never the same in two runs."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    random_hex: Callable[[int], str]


# A lease runs out while the machine is asleep, too; Linux' CLOCK_MONOTONIC stands still then.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _seconds() -> float:
    return time.clock_gettime(_CLOCK)


MACHINE = Ambient(lambda: datetime.now(UTC), _seconds, secrets.token_hex)
AMBIENT: ContextVar[Ambient] = ContextVar("ambient", default=MACHINE)
"""Of the running task: two simulated processes may live in one event loop, each with a clock of its own."""


def now() -> datetime:
    """Return the time, with its zone."""
    return AMBIENT.get().now()


def monotonic() -> float:
    """Return seconds that never go back, from an arbitrary beginning."""
    return AMBIENT.get().monotonic()


def random_hex(size: int) -> str:
    """Return ``size`` random bytes, unpredictable, in hex."""
    return AMBIENT.get().random_hex(size)
