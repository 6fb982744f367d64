"""Speaks fal's queue API: one request to any model, its status, its result (docs/providers/fal.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.outcome import Accepted, FailureKind, Observation, Rejected, Submission, Unknown
from storyjob.api.step import StepKind
from storyjob.egress import origin
from storyjob.providers.answers import observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.exchange import MEDIA_BYTES, Call, NoReply, Reply, ask, digest, endpoint_url, json_body
from storyjob.providers.fal_result import DIALECT, judge_result, judge_status
from storyjob.providers.fal_urls import JOB_ID, RequestUrls, handles_of, model_path
from storyjob.providers.fal_webhook import public_keys
from storyjob.providers.paid import pay
from storyjob.providers.placeholders import data_url, merge_inputs
from storyjob.providers.published_keys import JWKS_PATH, fetch_published_keys

ENDPOINT = "https://queue.fal.run"
JWKS_URL = "https://rest.fal.ai/.well-known/jwks.json"
CAPABILITIES = Capabilities(
    steps=frozenset(StepKind),
    modes=frozenset({Mode.WEBHOOK, Mode.POLL}),
    cancel=Cancel.BEST_EFFORT,
    cancel_is_free=False,
    # The account decides how long its files live (docs.fal.ai/documentation/model-apis/media-expiration); an hour is
    # what its own example sets.
    output_seconds=3600,
    submit_seconds=60.0,
)


class Fal:
    """fal's queue, with one account's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Put one request into the queue. One that has not begun by the attempt's deadline, fal drops by itself."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(
            self._connection, attempt, lambda: self._create(request, attempt), _submission, seconds=seconds
        )

    async def observe(self, job: Job) -> Observation:
        """Ask for the status and, at the end, for the result: only that tells why a request failed."""
        secrets = (self._secret,)
        try:
            urls = self._urls(job)
        except InvalidInput as error:
            return unreachable(DIALECT, FailureKind.INVALID, str(error), secrets)
        status = judge_status(await self._ask("GET", urls.status), secrets)
        if isinstance(status, Observation):
            return status
        result = await self._ask("GET", urls.response)
        return await digest(result, lambda answer: judge_result(answer, status, job.step, secrets))

    async def cancel(self, job: Job) -> None:
        """Take the request off the queue, or signal its runner. One already ended or unknown is a success."""
        try:
            urls = self._urls(job)
        except InvalidInput as error:
            raise httpx.RequestError(str(error)) from error
        reply = await self._ask("PUT", urls.cancel)
        if isinstance(reply, Reply) and (200 <= reply.status < 300 or reply.status in (400, 404)):
            # 400 is ALREADY_COMPLETED, 404 NOT_FOUND: fal.ai/docs/inference-api/queue/cancel
            return
        answer = observed(reply, DIALECT, (self._secret,))
        if isinstance(answer, Observation) and answer.failure:
            raise httpx.RequestError(answer.failure.message)

    def _create(self, request: Request, attempt: Attempt) -> Call:
        path = model_path(request.model)
        if attempt.callback_url:
            path += "?" + urlencode({"fal_webhook": attempt.callback_url})
        headers = {**self._headers(), "X-Fal-Request-Timeout": str(attempt.deadline_seconds)}
        if attempt.priority < 0:
            headers["X-Fal-Queue-Priority"] = "low"
        url = endpoint_url(self._connection, path)
        return Call("POST", url, headers, json_body(_inputs(request)))

    async def _ask(self, method: str, url: str) -> Reply | NoReply:
        call = Call(method, url, self._headers(), max_bytes=MEDIA_BYTES)
        return await ask(self._connection.http, call)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Key {self._secret}"}

    def _urls(self, job: Job) -> RequestUrls:
        return RequestUrls.of(job, endpoint_url(self._connection, ""), trusted=ENDPOINT)


async def fetch_jwks(connection: Connection) -> str:
    """Return the public keys of fal's webhooks, a JWKS document in one line. Raises ``CredentialsError``.

    An ``endpoint`` of one's own is asked for the same path.
    """
    try:
        own = origin(connection.endpoint) != origin(ENDPOINT)
        url = endpoint_url(connection, JWKS_PATH) if own else JWKS_URL
    except InvalidInput as error:
        raise CredentialsError(str(error)) from error
    return await fetch_published_keys(connection, url, DIALECT, lambda document: any(public_keys([document])))


def _inputs(request: Request) -> dict[str, Any]:
    image = request.image
    values = {
        "text": request.text,
        "prompt": request.text,
        "voice": request.voice,
        "seed": request.seed,
        "image": (image.url or data_url(image)) if image else None,
    }
    text_key = "text" if request.step is StepKind.AUDIO else "prompt"
    defaults = {text_key: "text", "voice": "voice", "seed": "seed", "image_url": "image"}
    return merge_inputs(defaults, request.input, values)


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("request_id")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Accepted(job_id, handles_of(document))
    return unknown(DIALECT, "took the request but its answer names no request_id", secrets)
