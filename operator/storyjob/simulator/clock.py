"""The time of the simulated world: wall-clock stamps, and waits divided by its speed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Stamps are real, so that signatures and links hold; only durations of work shrink with ``speed``."""

    speed: float = 1.0

    def now(self) -> float:
        """Return the Unix time in seconds."""
        return time.time()

    async def work(self, seconds: float) -> None:
        """Let ``seconds`` of the world's time pass."""
        await asyncio.sleep(seconds / self.speed)


def iso(at: float | None) -> str | None:
    """Return a Unix time as ISO 8601 in UTC with microseconds, as Replicate writes it."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
