"""How bad the world is, and what becomes of one request in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of a request."""

    FINE = "fine"
    REFUSED = "refused"
    """It is turned down before anything is done."""
    BROKEN = "broken"
    """It is done, and the answer is an error all the same."""
    LOST = "lost"
    """It never arrives, and nobody says so."""
    MUTE = "mute"
    """It is done, and the answer never comes."""
    LATE = "late"
    """It is done after whoever asked gave up."""


TROUBLE = (Fate.REFUSED, Fate.REFUSED, Fate.BROKEN, Fate.LOST, Fate.MUTE, Fate.LATE)


class Channel(StrEnum):
    """What can have faults of its own."""

    API = "api"
    WATCH = "watch"
    VENDOR = "vendor"
    ASK = "ask"
    DOWNLOAD = "download"
    BUCKET = "bucket"
    CALLBACK = "callback"
    FILM = "film"
    JOB = "job"
    LIST = "list"
    """What vendors show of their jobs: late, in part, beside others that look the same."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a channel refuses everything."""

    channel: Channel
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Drought:
    """A time in which an account is empty."""

    vendor: str
    begins: float
    ends: float


@dataclass(slots=True)
class Weather:
    """Draws what becomes of each request. From ``calm_at`` on everything works."""

    dice: random.Random
    clock: Callable[[], float]
    calm_at: float
    rates: Mapping[Channel, float]
    outages: tuple[Outage, ...] = ()
    droughts: tuple[Drought, ...] = ()
    drawn: dict[str, int] = field(default_factory=dict)
    """How many of which faults there were."""

    @property
    def calm(self) -> bool:
        """Whether the faults have stopped."""
        return self.clock() >= self.calm_at

    def fate(self, channel: Channel) -> Fate:
        """Draw what becomes of a request."""
        moment = self.clock()
        if moment >= self.calm_at:
            return Fate.FINE
        for outage in self.outages:
            if outage.channel is channel and outage.begins <= moment < outage.ends:
                self._note(channel, Fate.REFUSED)
                return Fate.REFUSED
        if self.dice.random() >= self.rates.get(channel, 0.0):
            return Fate.FINE
        fate = self.dice.choice(TROUBLE)
        self._note(channel, fate)
        return fate

    def broke(self, vendor: str) -> bool:
        """Return whether nothing can be bought of a vendor since its account is empty."""
        moment = self.clock()
        empty = any(dry.vendor == vendor and dry.begins <= moment < dry.ends for dry in self.droughts)
        if empty:
            self._note(Channel.VENDOR, "broke")
        return empty

    def bad(self, channel: Channel, part: float = 1.0) -> bool:
        """Draw whether something that can only be or not be goes wrong, at a part of the channel's rate."""
        if self.calm or self.dice.random() >= self.rates.get(channel, 0.0) * part:
            return False
        self._note(channel, "bad")
        return True

    def delay(self, usual: float, slow: float) -> float:
        """Draw how long something takes: about ``usual`` seconds, now and then up to ``slow``."""
        if not self.calm and self.dice.random() < 0.03:
            return self.dice.uniform(usual, slow)
        return self.dice.uniform(0.5, 1.5) * usual

    def _note(self, channel: Channel, what: str) -> None:
        name = f"{channel}/{what}"
        self.drawn[name] = self.drawn.get(name, 0) + 1
