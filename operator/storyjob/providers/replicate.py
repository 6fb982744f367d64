"""Speaks Replicate's HTTP API: predictions of models, versions and deployments (docs/providers/replicate.md)."""

from __future__ import annotations

import re
from typing import Any

import httpx

from storyjob.api.capabilities import Cancel, Capabilities, Find, Mode
from storyjob.api.errors import CredentialsError, InvalidInput
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
from storyjob.providers.answers import Dialect, JsonObject, as_text, observed, submitted, unknown, unreachable
from storyjob.providers.base import Attempt, Connection, Job, Lost, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import (
    MEDIA_BYTES,
    Call,
    NoReply,
    Reply,
    ask,
    digest,
    endpoint_url,
    json_body,
)
from storyjob.providers.paid import pay
from storyjob.providers.placeholders import data_url, merge_inputs
from storyjob.providers.replicate_find import PAGES, candidates, first_page, next_page, verdict
from storyjob.providers.replicate_prediction import JOB_ID, judge

ENDPOINT = "https://api.replicate.com"
CAPABILITIES = Capabilities(
    steps=frozenset(StepKind),
    modes=frozenset({Mode.WEBHOOK, Mode.POLL}),
    cancel=Cancel.BEST_EFFORT,
    # Cancelled predictions of public models are charged: replicate.com/changelog/2025-10-16-prediction-deadlines
    cancel_is_free=False,
    # What the API made is deleted after an hour: replicate.com/docs/topics/predictions/data-retention
    output_seconds=3600,
    # The list tells model, input and time, but not the webhook's URL as far as is known.
    find=Find.LIKELY,
    submit_seconds=60.0,
)
# `start` too, so that a job whose submit was never answered tells its id soon, not only at its end.
WEBHOOK_EVENTS = ("start", "completed")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
_MODEL = re.compile(
    rf"(?P<deployment>deployments/)?(?P<owner>{_NAME})/(?P<name>{_NAME})(?::(?P<version>[0-9a-f]{{64}}))?"
)


class Replicate:
    """Replicate, with one account's token."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Create one prediction. ``attempt.deadline_seconds`` goes along, so Replicate stops it by itself."""
        seconds = CAPABILITIES.submit_seconds
        return await pay(
            self._connection, attempt, lambda: self._create(request, attempt), _submission, seconds=seconds
        )

    async def observe(self, job: Job) -> Observation:
        """Ask for the prediction."""
        secrets = (self._secret,)
        if not JOB_ID.fullmatch(job.job_id):
            return unreachable(DIALECT, FailureKind.INVALID, f"{job.job_id!r} is not a prediction id", secrets)
        try:
            call = self._call("GET", f"/v1/predictions/{job.job_id}")
        except InvalidInput as error:
            return unreachable(DIALECT, FailureKind.INVALID, str(error), secrets)
        reply = await ask(self._connection.http, call)
        return await digest(reply, lambda answer: _observation(answer, job, secrets))

    async def cancel(self, job: Job) -> None:
        """Ask to stop the prediction. One that is unknown or already ended is a success."""
        if not JOB_ID.fullmatch(job.job_id):
            raise httpx.RequestError(f"{job.job_id[:80]!r} is not a prediction id")
        try:
            call = self._call("POST", f"/v1/predictions/{job.job_id}/cancel")
        except InvalidInput as error:
            raise httpx.RequestError(str(error)) from error
        reply = await ask(self._connection.http, call)
        if isinstance(reply, Reply) and 200 <= reply.status < 300:
            return
        answer = observed(reply, DIALECT, (self._secret,))
        if isinstance(answer, Observation) and answer.failure:
            raise httpx.RequestError(answer.failure.message)

    async def find(self, lost: Lost) -> Trace:
        """Look through the predictions of that time for one with the same model and input that is nobody else's."""
        if lost.request is None:
            return NoTrace("the wish was changed since, so that no prediction can be told to be it")
        wanted, page, found = _inputs(lost.request), first_page(lost), list[str]()
        for _ in range(PAGES):
            answer = await self._ask(page)
            if isinstance(answer, NoTrace):
                return answer
            found += candidates(answer, lost, wanted)
            if (more := next_page(answer)) is None:
                return verdict(found, whole=True)
            page = more
        return verdict(found, whole=False)

    async def _ask(self, path: str) -> JsonObject | NoTrace:
        try:
            call = self._call("GET", path)
        except InvalidInput as error:
            return NoTrace(clean(str(error), (self._secret,)), answered=False)
        reply = await ask(self._connection.http, call)
        answer = await digest(reply, lambda it: observed(it, DIALECT, (self._secret,)))
        if isinstance(answer, Observation):
            return NoTrace(answer.failure.message if answer.failure else answer.message or "", answered=False)
        return answer

    def _create(self, request: Request, attempt: Attempt) -> Call:
        path, body = _target(request.model)
        body["input"] = _inputs(request)
        if attempt.callback_url:
            body["webhook"] = attempt.callback_url
            body["webhook_events_filter"] = list(WEBHOOK_EVENTS)
        return self._call("POST", path, {"Cancel-After": f"{attempt.deadline_seconds}s"}, json_body(body))

    def _call(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Call:
        # Every answer repeats the inputs, a data URL of ours among them, and the logs.
        url = endpoint_url(self._connection, path)
        return Call(method, url, {**self._headers(), **(headers or {})}, body, max_bytes=MEDIA_BYTES)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret}"}


async def fetch_signing_secret(connection: Connection) -> str:
    """Return the account's webhook signing secret (``whsec_…``). Raises ``CredentialsError``."""
    try:
        url = endpoint_url(connection, "/v1/webhooks/default/secret")
    except InvalidInput as error:
        raise CredentialsError(str(error)) from error
    secret = connection.secret.strip()
    call = Call("GET", url, {"Authorization": f"Bearer {secret}"})
    answer = observed(await ask(connection.http, call), DIALECT, (secret,))
    key = answer.get("key") if isinstance(answer, dict) else None
    if isinstance(key, str) and key.startswith("whsec_"):
        return key
    why = "the answer holds no key"
    if isinstance(answer, Observation):
        why = answer.failure.message if answer.failure else answer.message or why
    raise CredentialsError(
        f"cannot fetch Replicate's webhook signing secret: {why}; fix the token, or give the secret in spec.webhook"
    )


def _words(document: JsonObject) -> str:
    parts = [as_text(document[key]) for key in ("title", "detail", "error") if document.get(key)]
    return ": ".join(parts)


DIALECT = Dialect("Replicate", _words)


def _target(model: str) -> tuple[str, dict[str, Any]]:
    """Return the path to create a prediction at, and the body's beginning. Raises ``InvalidInput``.

    The parts of the name become parts of a path, so they are matched and never merely escaped.
    """
    found = _MODEL.fullmatch(model)
    if not found or (found["deployment"] and found["version"]) or ".." in model:
        raise InvalidInput(
            f"model {model!r} is not a Replicate model; write owner/name, owner/name:<64 hex version> "
            "or deployments/owner/name"
        )
    if found["version"]:
        return "/v1/predictions", {"version": found["version"]}
    kind = "deployments" if found["deployment"] else "models"
    return f"/v1/{kind}/{found['owner']}/{found['name']}/predictions", {}


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
    defaults = {text_key: "text", "voice": "voice", "seed": "seed", "image": "image"}
    return merge_inputs(defaults, request.input, values)


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Accepted | Rejected | Unknown:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    job_id = document.get("id")
    if isinstance(job_id, str) and JOB_ID.fullmatch(job_id):
        return Accepted(job_id)
    return unknown(DIALECT, "took the request but its answer names no prediction id", secrets)


def _observation(reply: Reply | NoReply, job: Job, secrets: tuple[str, ...]) -> Observation:
    document = observed(reply, DIALECT, secrets)
    if isinstance(document, Observation):
        return document
    if document.get("id") != job.job_id:
        return unreachable(DIALECT, FailureKind.UNAVAILABLE, "the answer is about another prediction", secrets)
    return judge(document, job.step, secrets)
