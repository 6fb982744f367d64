"""What was bought of whom: the ledger that the rules are checked against, and the jobs behind it."""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from simulation.virtual import VirtualLoop
from simulation.weather import Channel, Weather

PRICE = Decimal("0.05")  # of everything, so that a ledger is a number of lines
FOREVER = float("inf")

TOKEN: contextvars.ContextVar[str | None] = contextvars.ContextVar("token", default=None)
"""The token drawn last in the running task: a purchase draws its own before it asks for anything."""


class End(StrEnum):
    """How a job ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(slots=True)
class Job:
    """What a vendor runs. ``ends_at`` is infinite for one that hangs until somebody stops it."""

    job_id: str
    vendor: str
    begins_at: float
    ends_at: float
    end: End
    data: bytes
    name: str = ""
    """What the vendor calls it when asked for it."""
    damaged: bool = False
    """Its bytes are no media."""

    def ended(self, moment: float) -> bool:
        """Whether it runs no more."""
        return moment >= self.ends_at

    def stop(self, moment: float) -> bool:
        """Cancel it, unless it has ended; return whether that did anything."""
        if self.ended(moment):
            return False
        self.ends_at, self.end = moment, End.CANCELED
        return True


@dataclass(slots=True)
class Line:
    """One paid request: from the moment it was sent."""

    token_hash: str
    vendor: str
    sent_at: float
    process: str
    callback_url: str | None = None
    under_way: bool = True
    """It may still arrive."""
    job: Job | None = None
    """What the vendor took, None when it took nothing."""
    answered_at: float | None = None
    """When the vendor's yes reached a process that was alive."""


@dataclass(slots=True)
class Market:
    """All vendors' jobs, and every paid request in the order in which they were sent."""

    loop: VirtualLoop
    weather: Weather
    dice: random.Random
    lines: list[Line] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    started: list[Callable[[Line, Job], None]] = field(default_factory=list)
    """Called when a job was taken."""

    def take(self, line: Line, media: str, *, seconds: tuple[float, float], can_hang: bool = False) -> Job:
        """Begin a job for a paid request."""
        moment, number = self.loop.time(), len(self.jobs) + 1
        lasts = self.dice.uniform(*seconds)
        end = End.FAILED if self.weather.bad(Channel.JOB) else End.SUCCEEDED
        hangs = can_hang and self.weather.bad(Channel.JOB, part=0.3)
        damaged = self.weather.bad(Channel.JOB, part=0.3)
        job_id = f"{line.vendor}-{number}"
        data = f"{'damaged' if damaged else media} {job_id}".encode()
        begins = moment + min(1.0, lasts / 3)
        job = Job(job_id, line.vendor, begins, FOREVER if hangs else moment + lasts, end, data, job_id, damaged)
        self.jobs[job_id] = line.job = job
        for started in self.started:
            started(line, job)
        return job
