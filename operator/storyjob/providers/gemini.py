"""Speaks Google's Interactions API: pictures and clips made in the background (docs/providers/gemini.md)."""

from __future__ import annotations

import base64
import contextlib
import re
from typing import Any

import httpx

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.outcome import (
    Accepted,
    Authorization,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Submission,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.egress import origin
from storyjob.providers.answers import observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.exchange import MEDIA_BYTES, Call, NoReply, Reply, ask, digest, endpoint_url, json_body
from storyjob.providers.gemini_interaction import DIALECT, FILE, judge, judge_file, may_be_cancelled_no_more
from storyjob.providers.gemini_webhook import rsa_keys
from storyjob.providers.paid import pay
from storyjob.providers.published_keys import JWKS_PATH, fetch_published_keys

ENDPOINT = "https://generativelanguage.googleapis.com"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE, StepKind.VIDEO}),
    modes=frozenset({Mode.WEBHOOK, Mode.POLL}),
    cancel=Cancel.BEST_EFFORT,
    # Files are kept for 48 hours: ai.google.dev/gemini-api/docs/files
    output_seconds=48 * 3600,
    submit_seconds=60.0,
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_MODEL = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
# The operator asks about a stored job of its own; these would make it another kind of call.
_OURS = ("background", "store", "stream", "webhook_config")


class Gemini:
    """The Gemini API, with one project's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()
        self._headers = {"x-goog-api-key": self._secret}

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Start one interaction. Google is told no deadline."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(
            self._connection,
            attempt,
            lambda: self._call("POST", "/interactions", json_body(_body(request, attempt.callback_url))),
            _submission,
            seconds=seconds,
        )

    async def observe(self, job: Job) -> Observation:
        """Ask for the interaction, and for the state of the file that its clip is in."""
        secrets = (self._secret,)
        if not _ID.fullmatch(job.job_id):
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not an interaction", secrets)
        reply = await self._ask(f"/interactions/{job.job_id}")
        seen = await digest(reply, lambda answer: _observation(answer, job, secrets))
        output = seen.result.output if seen.result else None
        found = FILE.fullmatch(output.url) if isinstance(output, UrlOutput) else None
        if found is None or await self.authorize(found["file"]) is None:
            return seen
        # A file that is still being processed cannot be downloaded, and asking for it would look like a dead link.
        reply = await self._ask(f"/files/{found['id']}")
        if isinstance(reply, Reply) and reply.status == 403:
            # The key was good for the interaction just now; of a file that is gone Google says 403, too.
            return Observation(JobPhase.GONE, message="Gemini no longer has the file of the clip")
        state = observed(reply, DIALECT, secrets)
        return state if isinstance(state, Observation) else judge_file(state, seen, secrets)

    async def cancel(self, job: Job) -> None:
        """Ask to stop the interaction. One that is unknown or has ended is a success."""
        if not _ID.fullmatch(job.job_id):
            raise httpx.RequestError(f"{job.job_id[:80]!r} is not an interaction")
        reply = await self._ask(f"/interactions/{job.job_id}/cancel", "POST")
        answer = observed(reply, DIALECT, (self._secret,))
        if isinstance(reply, Reply) and may_be_cancelled_no_more(reply):
            return
        if isinstance(answer, Observation) and answer.phase is JobPhase.UNREACHABLE and answer.failure:
            raise httpx.RequestError(answer.failure.message)

    async def authorize(self, url: str) -> Authorization | None:
        """Return the key for a file at Google's own address or at ``spec.endpoint``."""
        for own in (self._connection.endpoint, ENDPOINT):
            with contextlib.suppress(InvalidInput):
                if origin(url) == origin(own):
                    return Authorization(own, self._headers)
        return None

    async def _ask(self, path: str, method: str = "GET") -> Reply | NoReply:
        try:
            call = self._call(method, path)
        except InvalidInput as error:
            return NoReply(str(error), sent=False, forbidden=True)
        return await ask(self._connection.http, call)

    def _call(self, method: str, path: str, body: bytes | None = None) -> Call:
        # An interaction repeats what it was given, a still of ours among it.
        return Call(method, endpoint_url(self._connection, f"/v1beta{path}"), self._headers, body, MEDIA_BYTES)


async def fetch_jwks(connection: Connection) -> str:
    """Return the public keys of Gemini's webhooks, a JWKS document in one line. Raises ``CredentialsError``."""
    try:
        url = endpoint_url(connection, JWKS_PATH)
    except InvalidInput as error:
        raise CredentialsError(str(error)) from error
    return await fetch_published_keys(connection, url, DIALECT, lambda document: any(rsa_keys([document])))


def _body(request: Request, callback_url: str | None) -> dict[str, Any]:
    if request.step not in CAPABILITIES.steps:
        raise InvalidInput(f"Gemini makes pictures and clips, not a step of kind {request.step.value}")
    if not _MODEL.fullmatch(request.model):
        raise InvalidInput(f"model {request.model!r} is not the name of a Gemini model, such as gemini-omni-1.1-flash")
    inputs = dict(request.input)
    for name in _OURS:
        if name in inputs:
            raise InvalidInput(f"input.{name} is set by the operator; leave it out")
    wanted: dict[str, Any] = {"type": request.step.value}
    if request.step is StepKind.VIDEO:
        # Inline answers end at about 4 MB, which most clips are above.
        wanted["delivery"] = "uri"
    body = {
        "model": request.model,
        "input": _prompt(request),
        "background": True,
        "store": True,
        "response_format": {**wanted, **_part(inputs, "response_format")},
    }
    if callback_url:
        body["webhook_config"] = {"uris": [callback_url]}
    seed = {} if request.seed is None else {"seed": request.seed}
    generation = {**seed, **_part(inputs, "generation_config")}
    return {**body, **({"generation_config": generation} if generation else {}), **inputs}


def _prompt(request: Request) -> str | list[dict[str, str]]:
    if request.image is None:
        return request.text
    data = base64.b64encode(request.image.data).decode()
    still = {"type": "image", "data": data, "mime_type": request.image.content_type}
    return [still, {"type": "text", "text": request.text}]


def _part(inputs: dict[str, Any], name: str) -> dict[str, Any]:
    part = inputs.pop(name, {})
    if not isinstance(part, dict):
        raise InvalidInput(f"input.{name} must be an object")
    return part


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("id")
    if isinstance(job_id, str) and _ID.fullmatch(job_id):
        return Accepted(job_id)
    return unknown(DIALECT, "took the request but its answer names no interaction", secrets)


def _observation(reply: Reply | NoReply, job: Job, secrets: tuple[str, ...]) -> Observation:
    document = observed(reply, DIALECT, secrets)
    if isinstance(document, Observation):
        return document
    if document.get("id", job.job_id) != job.job_id:
        return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another interaction", secrets)
    return judge(document, job.step, secrets)
