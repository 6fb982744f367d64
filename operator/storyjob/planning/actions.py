"""What a living attempt can need next, as values: reconcile carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storyjob.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do before ``until``."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """A callback with our token told the job's id: take it over."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the provider now."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The job took too long: tell the provider to stop it, then ask."""


@dataclass(frozen=True, slots=True)
class Recover:
    """Nobody holds this attempt any more: look for its bytes in the bucket, else its outcome is unknown."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants done: ``resubmit``, ``fail``, or the job's id. ``text`` is the annotation as it stands."""

    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Seek:
    """Ask the provider whether it has a job that could be this one."""


@dataclass(frozen=True, slots=True)
class Take:
    """A person named the job."""

    job_id: str
    order: Order


@dataclass(frozen=True, slots=True)
class Abandon:
    """Stop caring for the attempt. With ``again`` the step may be bought a second time: that was chosen."""

    again: bool
    message: str
    order: Order | None = None


LiveAction = Rest | Adopt | Ask | Stop | Recover | Seek | Take | Abandon
