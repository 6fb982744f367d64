"""What was bought of whom: the ledger that the rules are checked against, and the jobs behind it."""

from __future__ import annotations

import contextvars
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from simulation.virtual import EPOCH, VirtualLoop
from simulation.weather import Channel, Weather

PRICE = Decimal("0.05")  # of everything, so that a ledger is a number of lines
FOREVER = float("inf")
FORBIDDEN = "blood"  # what strict vendors refuse to show

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
    media: str
    """Which kind of step asked for it."""
    begins_at: float
    ends_at: float
    end: End
    data: bytes
    name: str = ""
    """What the vendor calls it when asked for it."""
    place: str = ""
    """Where in the user's bucket it leaves its result, if anywhere."""
    damaged: bool = False
    """Its bytes are no media."""
    refused: bool = False
    """It failed since the vendor does not like the content."""
    stranger: bool = False
    """Somebody else with the same account asked for it."""

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
    media: str
    sent_at: float
    process: str
    words: str = ""
    """The body, as it was sent."""
    idempotency_key: str | None = None
    callback_url: str | None = None
    under_way: bool = True
    """It may still arrive."""
    job: Job | None = None
    """What the vendor took, None when it took nothing."""
    answered_at: float | None = None
    """When the vendor's yes reached a process that was alive."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in a vendor's list of the account's jobs. Times in seconds."""

    job: Job
    model: str
    wish: Mapping[str, Any]
    created: float
    shown_at: float


@dataclass(slots=True)
class Market:
    """All vendors' jobs, and every paid request in the order in which they were sent."""

    loop: VirtualLoop
    weather: Weather
    dice: random.Random
    strict: frozenset[str] = frozenset()
    """Vendors with a content filter."""
    clock_off: float = 0.0
    """Seconds by which the vendors' clocks are wrong."""
    keys: dict[str, str] = field(default_factory=dict)
    """By vendor: the only API key that is taken, where it matters."""
    lines: list[Line] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    started: list[Callable[[Line, Job], None]] = field(default_factory=list)
    """Called when a job was taken."""
    lists: dict[str, list[Listed]] = field(default_factory=dict)

    def take(self, line: Line, *, seconds: tuple[float, float], can_hang: bool = False) -> Job:
        """Begin a job for a paid request."""
        moment, lasts = self.loop.time(), self.dice.uniform(*seconds)
        refused = self.refuses(line.vendor, line.words)
        end = End.FAILED if self.weather.bad(Channel.JOB) or refused else End.SUCCEEDED
        hangs = can_hang and self.weather.bad(Channel.JOB, part=0.3)
        job = self._job(
            line.vendor, line.media, moment + min(1.0, lasts / 3), FOREVER if hangs else moment + lasts, end
        )
        job.refused = refused
        if self.weather.bad(Channel.JOB, part=0.3):
            job.damaged, job.data = True, b"damaged " + job.job_id.encode()
        line.job = job
        for started in self.started:
            started(line, job)
        return job

    def refuses(self, vendor: str, words: str) -> bool:
        """Return whether a vendor's filter does not let this pass."""
        return vendor in self.strict and FORBIDDEN in words

    def show(
        self, job: Job, model: str, wish: Mapping[str, Any], *, after: float | None = None, own: bool = False
    ) -> None:
        """Put a job into its vendor's list, soon or late, perhaps beside those of others that look like it.

        Nobody else's looks like one whose wish has something of its ``own``, such as a random token.
        """
        moment = self.loop.time() if after is None else after
        shown_at = moment + (self.dice.uniform(3.0, 90.0) if self.weather.bad(Channel.LIST) else 0.0)
        self._put(Listed(job, model, wish, moment, shown_at))
        other = {name: "of somebody else" for name in wish}
        alike = other if own else wish
        if self.dice.random() < 0.1:
            self._stranger(job, model, alike, moment - self.dice.uniform(150.0, 600.0), 0.0)
        if self.dice.random() < 0.1:
            self._stranger(job, model, other, moment, moment)
        if self.weather.bad(Channel.LIST, part=0.2):
            self._stranger(job, model, alike, moment + self.dice.uniform(0.0, 5.0), shown_at)

    def shown(self, vendor: str) -> list[Listed]:
        """Return what a vendor lists now, in the order in which it was created."""
        moment = self.loop.time()
        return [entry for entry in self.lists.get(vendor, ()) if entry.shown_at <= moment]

    def stamp(self, entry: Listed) -> datetime:
        """Return when an entry was created, by the vendor's clock."""
        return EPOCH + timedelta(seconds=entry.created + self.clock_off)

    def behind(self, url: str) -> Job | None:
        """Return the job whose result a link leads to."""
        for part in unquote(url).partition("?")[0].split("/")[3:]:
            if (job := self.jobs.get(part.removeprefix("item-").partition(".")[0])) is not None:
                return job
        return None

    def _job(self, vendor: str, media: str, begins_at: float, ends_at: float, end: End) -> Job:
        job_id = f"{vendor}-{len(self.jobs) + 1}"
        job = Job(job_id, vendor, media, begins_at, ends_at, end, f"{media} {job_id}".encode(), job_id)
        self.jobs[job_id] = job
        return job

    def _stranger(self, job: Job, model: str, wish: Mapping[str, Any], created: float, shown_at: float) -> None:
        theirs = self._job(job.vendor, job.media, created, created + 5.0, End.SUCCEEDED)
        theirs.stranger = True
        self._put(Listed(theirs, model, wish, created, shown_at))

    def _put(self, entry: Listed) -> None:
        self.lists.setdefault(entry.job.vendor, []).append(entry)
