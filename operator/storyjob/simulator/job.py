"""One generation: what was wished for, where it stands, what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from storyjob.api.outcome import Alignment
from storyjob.api.step import StepKind
from storyjob.simulator.fault import JobFault


@dataclass(frozen=True, slots=True)
class Wish:
    """What one submission asks for, freed of the vendor's wire format."""

    vendor: str
    kind: StepKind
    model: str
    text: str
    seed: int = 0
    voice: str = ""
    language: str | None = None
    width: int = 1280
    height: int = 720
    seconds: float = 5.0  # of a clip
    format: str = "png"  # png jpg webp mp4, or for speech ElevenLabs' codec_rate_bitrate
    count: int = 1
    sound: bool = False  # of a clip
    follow_still: bool = False
    """Whether the clip takes its shape from the picture it starts from."""
    still: bytes | None = field(default=None, repr=False)
    """The picture a clip starts from."""
    still_url: str | None = None
    """Where that picture is to be fetched from, when it was not sent along."""


@dataclass(frozen=True, slots=True)
class Media:
    """One finished file."""

    data: bytes = field(repr=False)
    content_type: str
    extension: str
    alignment: Alignment | None = None


class JobState(StrEnum):
    """Where a job stands, in no vendor's words."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELED = "canceled"
    ABORTED = "aborted"
    """Its deadline passed before it began."""

    @property
    def final(self) -> bool:
        """Tell whether nothing more will happen."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class JobEvent(StrEnum):
    """What a vendor may tell about a running job."""

    START = "start"
    COMPLETED = "completed"


Listener = Callable[["Job", JobEvent], None]
"""Told of events as they happen; must return at once."""


@dataclass(slots=True)
class Job:
    """A generation in progress. Only ``World`` changes it."""

    id: str
    wish: Wish
    created_at: float
    base_url: str
    """Where the client that submitted it reaches us; links to outputs start with it."""
    request: Mapping[str, Any]
    """The submitted body as the vendor's wire format has it."""
    faults: Mapping[str, JobFault]
    deadline: float | None = None
    listener: Listener | None = field(default=None, repr=False)
    state: JobState = JobState.QUEUED
    started_at: float | None = None
    completed_at: float | None = None
    worked: float = 0.0
    """Seconds that the hardware was busy with it, as they would be without ``speed``."""
    error: str | None = None
    outputs: list[str] = field(default_factory=list)
    """Keys of the files made, in order."""
    alignment: Alignment | None = None
    charged: Decimal = Decimal(0)
    polls: int = 0
    removed: bool = False
    """The vendor deleted input and output."""
    finished: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    work: asyncio.Task[None] | None = field(default=None, repr=False)
