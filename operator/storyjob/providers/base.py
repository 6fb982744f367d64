"""The port every provider adapter fits: submit, observe, cancel.

An adapter speaks one vendor's wire protocol and knows nothing of Kubernetes, retries, quotas or the bucket.
It never repeats a submit: a repeated POST can buy a second job (the vendors' own SDKs do repeat it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import httpx

from storyjob.api.capabilities import Capabilities
from storyjob.api.http.service import HttpService
from storyjob.api.outcome import Authorization, Observation, Submission, Trace
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
    after: tuple[str, ...] = ()
    """The provider's own ids of what comes right before this in the story, oldest first: a hint for what has to sound
    as one. It is no part of the wish: leaving it out, or another, makes nothing stale."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What identifies one try and bounds it."""

    token: str
    """128 random bits, hex. Never sent anywhere but inside ``callback_url``."""
    callback_url: str | None
    deadline_seconds: int
    """How long the provider may work on it; sent to those that can stop a job by themselves."""
    priority: int = 0
    """The story's, higher first; sent to those whose queues know of one."""

    @property
    def token_hash(self) -> str:
        """What is kept of the token. Not a secret: it may name a place where this attempt's output goes."""
        return hashlib.sha256(self.token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Job:
    """What is needed to find a job again."""

    job_id: str
    step: StepKind
    model: str
    handles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt that went out and was never answered, and everything that may tell its job apart."""

    step: StepKind
    model: str
    token_hash: str
    since: datetime
    """When the intent was written: a job that is older cannot be ours."""
    until: datetime
    """When the submit was given up at the latest: a job that is younger cannot be ours."""
    request: Request | None = None
    """What was asked for; None when the wish was edited since, so that nothing can be compared."""
    taken: frozenset[str] = frozenset()
    """Ids of jobs that belong to other attempts."""


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """A place in a bucket of the user's that the provider writes results to (``spec.output``)."""

    prefix: str
    """A URI such as ``gs://bucket/path``."""
    endpoint: str | None = None
    """Where the bucket's own API is, when not at the vendor's public address."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a provider. ``http`` already refuses private addresses and follows no redirects."""

    endpoint: str
    secret: str = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)
    service: HttpService | None = field(default=None, repr=False)
    """For type http: the service, described."""
    output: OutputPlace | None = None


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
        """Ask the vendor to stop the job; a job already gone is a success. Raises ``httpx.HTTPError``.

        Never destroys a result: where the vendor's request would (``Cancel.DELETES_DATA``), the job is looked at first.
        """
        ...


@runtime_checkable
class Finder(Protocol):
    """A provider that can look for a job whose id was never told (``capabilities.find``)."""

    async def find(self, lost: Lost) -> Trace:
        """Return the attempt's job or its result. Only reads; never raises for what the vendor or the network does.

        When several jobs could be it, none is: a wrong guess would leave the right one paid for and unseen.
        """
        ...


@runtime_checkable
class Authorizer(Protocol):
    """A provider whose results can only be downloaded with its credentials (``UrlOutput.authorized``)."""

    async def authorize(self, url: str) -> Authorization | None:
        """Return the credentials for one download, None when ``url`` leads to a host that is not the provider's own.

        Raises ``CredentialsError`` when there are none to be had now.
        """
        ...
