"""Speaks Luma's Dream Machine API: a generation of a picture or a clip (docs/providers/luma.md)."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

from storyjob.api.capabilities import Cancel, Capabilities, Find, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import (
    Accepted,
    FailureKind,
    NoTrace,
    Observation,
    Rejected,
    Submission,
    Trace,
    Unknown,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import JsonObject, observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Lost, Request
from storyjob.providers.exchange import MEDIA_BYTES, Call, NoReply, Reply, ask, endpoint_url, json_body
from storyjob.providers.luma_generation import DIALECT, JOB_ID, judge
from storyjob.providers.paid import pay
from storyjob.providers.placeholders import merge_inputs

ENDPOINT = "https://api.lumalabs.ai/dream-machine/v1"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE, StepKind.VIDEO}),
    modes=frozenset({Mode.WEBHOOK, Mode.POLL}),
    # There is only DELETE. Nobody documents that it stops a generation or saves money, and it destroys what it made.
    cancel=Cancel.NONE,
    output_seconds=3600,
    find=Find.EXACT,
    submit_seconds=60.0,
)
PAGE_SIZE = 100
PAGES = 5


class Luma:
    """Luma, with one account's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Create one generation. Luma takes no deadline and no seed."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(
            self._connection, attempt, lambda: self._create(request, attempt), _submission, seconds=seconds
        )

    async def observe(self, job: Job) -> Observation:
        """Ask for the generation."""
        secrets = (self._secret,)
        if not JOB_ID.fullmatch(job.job_id):
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not a generation id", secrets)
        document = await self._get(f"/generations/{job.job_id}")
        if isinstance(document, Observation):
            return document
        if document.get("id") != job.job_id:
            return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another generation", secrets)
        return judge(document, job.step, secrets)

    async def cancel(self, job: Job) -> None:
        """Do nothing: deleting a generation is not known to stop it (``Cancel.NONE``)."""

    async def find(self, lost: Lost) -> Trace:
        """Look for the generation whose callback URL, which Luma shows again, has the attempt's token in it."""
        seen = 0
        for page in range(PAGES):
            document = await self._get(f"/generations?limit={PAGE_SIZE}&offset={page * PAGE_SIZE}")
            if isinstance(document, Observation):
                why = document.failure.message if document.failure else document.message
                return NoTrace(why or "Luma did not answer", answered=False)
            listed = document.get("generations")
            generations = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            for generation in generations:
                if _token_hash(generation) == lost.token_hash and JOB_ID.fullmatch(str(generation.get("id"))):
                    return Accepted(str(generation["id"]))
            seen += len(generations)
            if not generations or not document.get("has_more"):
                break
        return NoTrace(f"none of the {seen} generations that Luma lists has this attempt's callback URL")

    def _create(self, request: Request, attempt: Attempt) -> Call:
        if request.step is StepKind.AUDIO:
            raise InvalidInput("luma makes no audio here; name another provider for narrations")
        body = _body(request)
        if attempt.callback_url:
            body["callback_url"] = attempt.callback_url
        return self._call("POST", f"/generations/{request.step}", json_body(body))

    async def _get(self, path: str) -> JsonObject | Observation:
        secrets = (self._secret,)
        try:
            call = self._call("GET", path)
        except InvalidInput as error:
            return unreachable(DIALECT, FailureKind.INVALID, str(error), secrets)
        return observed(await ask(self._connection.http, call), DIALECT, secrets)

    def _call(self, method: str, path: str, body: bytes | None = None) -> Call:
        headers = {"Authorization": f"Bearer {self._secret}"}
        return Call(method, endpoint_url(self._connection, path), headers, body, max_bytes=MEDIA_BYTES)


def _body(request: Request) -> dict[str, Any]:
    if request.image is not None and request.image.url is None:
        raise InvalidInput(
            "luma takes a still only as a link, and the bucket cannot be reached from outside; set "
            "STORYJOB_S3_PUBLIC_ENDPOINT, or name another provider for clips that start from an image"
        )
    link = request.image.url if request.image else None
    values = {"prompt": request.text, "text": request.text, "seed": request.seed, "image": link}
    inputs = merge_inputs({"prompt": "prompt", "keyframes": "image"}, request.input, values)
    if link is not None and inputs.get("keyframes") == link:
        inputs["keyframes"] = {"frame0": {"type": "image", "url": link}}
    return {"model": request.model, **inputs}


def _token_hash(generation: JsonObject) -> str | None:
    """Return the hash of the token in a generation's callback URL, as the attempt's own is kept."""
    request = generation.get("request")
    url = request.get("callback_url") if isinstance(request, dict) else None
    if not isinstance(url, str):
        return None
    try:
        tokens = parse_qs(urlsplit(url).query).get("token", [])
    except ValueError:
        return None
    return hashlib.sha256(tokens[0].encode()).hexdigest() if len(tokens) == 1 else None


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("id")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Accepted(job_id)
    return unknown(DIALECT, "took the request but its answer names no generation id", secrets)
