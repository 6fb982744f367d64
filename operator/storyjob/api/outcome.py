"""What providers answer, as values that planning decides on.

A submit ends in exactly one of four outcomes. Only ``Rejected`` may ever be tried again without asking
anybody, since only there the provider surely took nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a provider did not deliver; the retry rules hang on this and on nothing else."""

    THROTTLED = "Throttled"
    """Too many requests: wait, nothing was taken, nothing is counted against the retry limit."""
    UNAVAILABLE = "Unavailable"
    """Surely not reached (connection refused, DNS, 503 before acceptance): wait and try again."""
    FAILED = "Failed"
    """The job ran and ended badly; trying again costs money, so the retry limit counts it."""
    REFUSED = "ContentRefused"
    """A content filter said no: trying the same again is pointless."""
    INVALID = "InvalidRequest"
    """The provider will never take this request as it is."""
    UNAUTHORIZED = "Unauthorized"
    """The credentials are wrong or lack a right."""
    QUOTA = "QuotaExhausted"
    """The account has no money or quota left: a person must act."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A provider's "no", cut and cleaned: never trusted as anything but text to show."""

    kind: FailureKind
    message: str
    retry_after: float | None = None  # seconds


@dataclass(frozen=True, slots=True)
class UrlOutput:
    """A result to be downloaded. ``authorized`` adds the provider's credentials, to its own host only."""

    url: str
    content_type: str | None = None
    authorized: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """A provider's credentials for one download: sent to the origin of ``endpoint`` only, and kept nowhere."""

    endpoint: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BytesOutput:
    """A result that came with the answer."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """When each character of a narration is spoken, in seconds from its start."""

    characters: tuple[str, ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]


Output = UrlOutput | BytesOutput


@dataclass(frozen=True, slots=True)
class Result:
    """A finished generation: the one output that the step uses, and what it cost if the provider said."""

    output: Output
    cost: Decimal | None = None  # USD
    alignment: Alignment | None = None
    compute_seconds: Decimal | None = None
    """How long the provider's hardware worked, where it bills by that and says so."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the job and will work on it."""

    job_id: str
    handles: Mapping[str, str] = field(default_factory=dict)
    """What else is needed to find the job again, such as URLs the provider returned."""


@dataclass(frozen=True, slots=True)
class Done:
    """The provider worked while we waited; the result is here."""

    result: Result
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider surely took nothing."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes went out and no clear answer came back: a job may be running and may be charged."""

    message: str


Submission = Accepted | Done | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class NoTrace:
    """No job of a lost attempt was found. That is no proof that there is none."""

    message: str
    answered: bool = True
    """False when the provider did not answer the question: ask again later."""


Trace = Accepted | Done | NoTrace


class JobPhase(StrEnum):
    """What a provider says of a job when asked."""

    QUEUED = "Queued"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"
    GONE = "Gone"
    """The provider forgot the job, or its output: what was paid for is lost."""
    UNREACHABLE = "Unreachable"
    """The question was not answered (outage, 429, not JSON); says nothing about the job. Ask again later."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The provider's answer about one job.

    ``result`` is there when succeeded; ``failure`` when failed, and for ``Unreachable`` it says why the
    question was not answered. A status word we do not know is reported as running with ``message`` naming it.
    """

    phase: JobPhase
    result: Result | None = None
    failure: Failure | None = None
    message: str | None = None
    cost: Decimal | None = None  # USD, where the provider charges failed jobs and says so
    compute_seconds: Decimal | None = None
    """How long its hardware worked on a job that ended without a result."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A webhook whose signature was right. A hint only: the provider is asked before anything is believed."""

    event_id: str
    job_id: str | None = None
    ended: bool = True
    """False when it only says that the job has begun or goes on."""
