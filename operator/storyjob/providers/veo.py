"""Speaks Vertex AI's long-running prediction for Veo clips (docs/providers/vertex-veo.md)."""

from __future__ import annotations

import re

from storyjob.api.capabilities import Capabilities, Find, Mode
from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.outcome import (
    Accepted,
    Authorization,
    Done,
    FailureKind,
    NoTrace,
    Observation,
    Rejected,
    Result,
    Submission,
    Trace,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Lost, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.cloud_storage import CloudStorage
from storyjob.providers.exchange import (
    MEDIA_BYTES,
    Call,
    NoReply,
    Reply,
    ask,
    digest,
    endpoint_url,
    exchange,
    json_body,
)
from storyjob.providers.google_access import GoogleAccess, NotSent, unsent
from storyjob.providers.google_token import TokenUnavailable
from storyjob.providers.veo_body import veo_body
from storyjob.providers.veo_operation import DIALECT, judge, too_large
from storyjob.providers.vertex_place import model_path

CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.VIDEO}),
    modes=frozenset({Mode.POLL}),
    # The clip comes inside the answer about the operation, or stays in the user's bucket.
    output_seconds=None,
    # By the prefix that only this attempt writes to. Without spec.output nothing tells, and find() says so.
    find=Find.EXACT,
    submit_seconds=60.0,
)

_PUBLISHED = r"publishers/google/models/[a-z0-9.-]{1,100}"
_OPERATION = re.compile(
    rf"(?P<resource>(?:projects/[a-z0-9:.-]{{1,100}}/locations/[a-z0-9-]{{1,60}}/)?{_PUBLISHED})"
    r"/operations/[A-Za-z0-9_-]{1,128}"
)


class Veo:
    """Vertex AI, with an API key or a service account."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._access = GoogleAccess(connection)
        self._storage = CloudStorage(connection, self._access)

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Start one operation. Google is told no deadline; an operation ends by itself within minutes."""
        secrets: tuple[str, ...] = (self._access.secret, attempt.token)
        try:
            headers = await self._access.headers()
            call = self._predict(request, attempt, headers)
        except NotSent as error:
            return unsent(error, secrets)
        secrets = (*secrets, *self._access.secrets(headers))
        reply = self._access.noted(await exchange(self._connection.http, call, CAPABILITIES.submit_seconds))
        return await digest(reply, lambda answer: _submission(answer, secrets))

    async def observe(self, job: Job) -> Observation:
        """Ask for the operation; a finished one carries the clip."""
        secrets: tuple[str, ...] = (self._access.secret,)
        found = _OPERATION.fullmatch(job.job_id)
        if not found or ".." in job.job_id:
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not an operation of Veo", secrets)
        try:
            headers = await self._access.headers()
            url = endpoint_url(self._connection, f"/v1beta1/{found['resource']}:fetchPredictOperation")
        except (InvalidInput, CredentialsError) as error:
            return unreachable(DIALECT, FailureKind.UNAUTHORIZED, str(error), secrets)
        except TokenUnavailable as error:
            return unreachable(DIALECT, FailureKind.UNAVAILABLE, str(error), secrets)
        call = Call("POST", url, headers, json_body({"operationName": job.job_id}), MEDIA_BYTES)
        secrets = self._access.secrets(headers)
        reply = self._access.noted(await ask(self._connection.http, call))
        return await digest(reply, lambda answer: _observation(answer, job, self._reader(), secrets))

    async def cancel(self, job: Job) -> None:
        """Do nothing: no way to cancel is documented for these operations (``Cancel.NONE``)."""

    async def find(self, lost: Lost) -> Trace:
        """Look for the clip in the place of this attempt. A clip that is still being made is not there yet."""
        prefix = self._storage.attempt_prefix(lost.token_hash)
        if prefix is None:
            return NoTrace("Veo lists no operations: it cannot be told without spec.output.gcsPrefix")
        secrets = (self._access.secret,)
        try:
            found = await self._storage.find_video(prefix)
        except NotSent as error:
            return NoTrace(clean(str(error), secrets), answered=False)
        match found:
            case UrlOutput():
                return Done(Result(found))
            case None:
                return NoTrace(f"there is no clip under {prefix}")
            case _:
                why = found.failure.message if found.failure else found.message or "no reason given"
                return NoTrace(why, answered=False)

    async def authorize(self, url: str) -> Authorization | None:
        """Return the service account's credentials for a clip in Cloud Storage."""
        return await self._storage.authorize(url)

    def _reader(self) -> CloudStorage | None:
        return self._storage if self._access.is_service_account else None

    def _predict(self, request: Request, attempt: Attempt, headers: dict[str, str]) -> Call:
        if request.step not in CAPABILITIES.steps:
            raise InvalidInput(f"Veo makes videos, not a step of kind {request.step.value}")
        prefix = self._storage.attempt_prefix(attempt.token_hash)
        if prefix and not self._access.is_service_account:
            raise InvalidInput("spec.output needs the JSON key of a service account: an API key cannot read the bucket")
        inputs = dict(request.input)
        path = model_path(request.model, inputs, self._access.account(), self._connection.endpoint)
        url = endpoint_url(self._connection, f"{path}:predictLongRunning")
        return Call("POST", url, headers, json_body(veo_body(request, inputs, prefix)), MEDIA_BYTES)


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    name = document.get("name")
    if isinstance(name, str) and _OPERATION.fullmatch(name) and ".." not in name:
        return Accepted(name)
    return unknown(DIALECT, "took the request but its answer names no operation", secrets)


def _observation(
    reply: Reply | NoReply, job: Job, storage: CloudStorage | None, secrets: tuple[str, ...]
) -> Observation:
    if isinstance(reply, Reply) and reply.status == 200 and reply.too_large:
        return too_large(len(reply.body))
    document = observed(reply, DIALECT, secrets)
    if isinstance(document, Observation):
        return document
    if document.get("name", job.job_id) != job.job_id:
        return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another operation", secrets)
    return judge(document, storage, secrets)
