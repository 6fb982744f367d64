"""The port every provider adapter fits: submit, observe, cancel.

An adapter speaks one vendor's wire protocol and knows nothing of Kubernetes, retries, quotas or the bucket.
It never repeats a submit: a repeated POST can buy a second job (the vendors' own SDKs do repeat it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from storyjob.api.capabilities import Capabilities
from storyjob.api.outcome import Observation, Submission
from storyjob.api.step import StepKind


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of ours that a job starts from, such as the still that a clip moves.

    ``url`` is a short-lived link to our bucket, there only when the bucket can be reached from outside.
    """

    data: bytes
    content_type: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What one attempt asks of a provider."""

    step: StepKind
    model: str
    text: str
    """The prompt, with the story's style, or the words to speak."""
    voice: str | None = None
    seed: int | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    """The user's further inputs to the model, passed on as they are; they win over what the adapter sets."""
    image: InputFile | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What identifies one try and bounds it."""

    token: str
    """128 random bits, hex. Never sent anywhere but inside ``callback_url``."""
    callback_url: str | None
    deadline_seconds: int
    """How long the provider may work on it; sent to those that can stop a job by themselves."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is needed to find a job again."""

    job_id: str
    step: StepKind
    model: str
    handles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a provider. ``http`` already refuses private addresses and follows no redirects."""

    endpoint: str
    secret: str = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)


class Provider(Protocol):
    """One vendor's API."""

    capabilities: Capabilities

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Ask for one job with exactly one POST. Never raises for what the vendor or the network does."""
        ...

    async def observe(self, job: Job) -> Observation:
        """Return what the vendor says of the job. Never raises for what the vendor or the network does."""
        ...

    async def cancel(self, job: Job) -> None:
        """Ask the vendor to stop the job; a job already gone is a success. Raises ``httpx.HTTPError``."""
        ...
