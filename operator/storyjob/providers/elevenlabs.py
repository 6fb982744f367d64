"""Speaks ElevenLabs' text to speech with timestamps: one synchronous call (docs/providers/elevenlabs.md)."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import urlencode

from storyjob.api.capabilities import Capabilities, Find, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import (
    Alignment,
    Authorization,
    BytesOutput,
    Done,
    Failure,
    FailureKind,
    JobPhase,
    NoTrace,
    Observation,
    Rejected,
    Result,
    Submission,
    Trace,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.egress import origin
from storyjob.providers.answers import Dialect, JsonObject, as_text, observed, submitted, unknown
from storyjob.providers.base import Attempt, Connection, Job, Lost, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.elevenlabs_history import history_path, pick
from storyjob.providers.encoded import decoded
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

ENDPOINT = "https://api.elevenlabs.io"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.AUDIO}),
    modes=frozenset({Mode.SYNC}),
    find=Find.LIKELY,
    submit_seconds=120.0,
)

STITCHED = 3  # requests before this one that may be named
_SEGMENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_DEFAULT_FORMAT = "mp3_44100_128"
# Raw PCM and telephony formats have no container, so nothing later could tell what they are.
_CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "opus": "audio/ogg"}
_QUERY_KEYS = ("output_format", "enable_logging", "optimize_streaming_latency")
# https://help.elevenlabs.io/hc/en-us/articles/19572237925521 (400 and 401) and 19571824571921 (429)
_KINDS = {
    "quota_exceeded": FailureKind.QUOTA,
    "invalid_api_key": FailureKind.UNAUTHORIZED,
    "voice_not_found": FailureKind.INVALID,
    "max_character_limit_exceeded": FailureKind.INVALID,
    "content_against_policy": FailureKind.REFUSED,
    "too_many_concurrent_requests": FailureKind.THROTTLED,
    "system_busy": FailureKind.THROTTLED,
}
_REMEDIES = {
    "quota_exceeded": "buy credits or enable usage based billing",
    "invalid_api_key": "put the API key, without typing errors, into the Secret of spec.credentials",
    "voice_not_found": "set audio.voice to a voice id that is listed under My Voices of this account",
    "max_character_limit_exceeded": "shorten audio.text, or split the scene, or use a model with a higher limit",
    "content_against_policy": "change audio.text",
    "too_many_concurrent_requests": "lower spec.limits.concurrent to what the plan allows",
}


class ElevenLabs:
    """ElevenLabs, with one account's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Have the text spoken and wait for the audio."""
        secrets = (self._secret, attempt.token)
        try:
            call, content_type = self._speak(request)
        except InvalidInput as error:
            return Rejected(Failure(FailureKind.INVALID, clean(str(error), secrets)))
        reply = await exchange(self._connection.http, call, CAPABILITIES.submit_seconds)
        return await digest(reply, lambda answer: _submission(answer, content_type, secrets))

    async def observe(self, job: Job) -> Observation:
        """Say that there is nothing to ask: the audio came with the answer to submit or is lost."""
        return Observation(
            JobPhase.GONE, message="ElevenLabs sends the audio with the answer to the request and keeps no job"
        )

    async def cancel(self, job: Job) -> None:
        """Do nothing: a synchronous call cannot be cancelled (``Cancel.NONE``)."""

    async def find(self, lost: Lost) -> Trace:
        """Look through the history, which holds what was spoken unless ``enable_logging`` is false."""
        if lost.request is None:
            return NoTrace("the wish was changed since, so that no narration can be told to be it")
        secrets = (self._secret,)
        try:
            url = endpoint_url(self._connection, history_path(lost))
        except InvalidInput as error:
            return NoTrace(clean(str(error), secrets), answered=False)
        call = Call("GET", url, self._headers(), max_bytes=MEDIA_BYTES)
        reply = await ask(self._connection.http, call)
        answer = await digest(reply, lambda it: observed(it, DIALECT, secrets))
        if isinstance(answer, Observation):
            return NoTrace(answer.failure.message if answer.failure else answer.message or "", answered=False)
        item = pick(answer, lost)
        if isinstance(item, NoTrace):
            return item
        audio = endpoint_url(self._connection, f"/v1/history/{item.name}/audio")
        return Done(Result(UrlOutput(audio, authorized=True)), job_id=item.request_id or item.name)

    async def authorize(self, url: str) -> Authorization | None:
        """Return the key for audio of the history, None for any other host."""
        endpoint = self._connection.endpoint
        return Authorization(endpoint, self._headers()) if origin(url) == origin(endpoint) else None

    def _headers(self) -> dict[str, str]:
        return {"xi-api-key": self._secret}

    def _speak(self, request: Request) -> tuple[Call, str]:
        """Return the call and the type of the audio it will answer with. Raises ``InvalidInput``."""
        if request.step not in CAPABILITIES.steps:
            raise InvalidInput(f"ElevenLabs makes narrations, not a step of kind {request.step.value}")
        if not request.voice:
            raise InvalidInput("audio.voice is missing; ElevenLabs needs the id of a voice")
        if not _SEGMENT.fullmatch(request.voice):
            raise InvalidInput(f"audio.voice {request.voice!r} is not an ElevenLabs voice id (letters and digits)")
        inputs = dict(request.input)
        query = {"output_format": _DEFAULT_FORMAT, **{key: inputs.pop(key) for key in _QUERY_KEYS if key in inputs}}
        content_type = _content_type(query["output_format"])
        body: dict[str, Any] = {"text": request.text, "model_id": request.model}
        if request.seed is not None:
            body["seed"] = request.seed
        if before := _stitched(request):
            body["previous_request_ids"] = before
        words = {key: as_text(value) for key, value in query.items()}
        path = f"/v1/text-to-speech/{request.voice}/with-timestamps?{urlencode(words)}"
        url = endpoint_url(self._connection, path)
        return Call("POST", url, self._headers(), json_body({**body, **inputs}), MEDIA_BYTES), content_type


def _stitched(request: Request) -> list[str]:
    """Return the requests that this narration goes on from; none where ElevenLabs would refuse them.

    https://elevenlabs.io/docs/developers/guides/cookbooks/text-to-speech/request-stitching: at most three, not with
    eleven_v3, and not where nothing is kept of a request.
    """
    if request.model.startswith("eleven_v3") or request.input.get("enable_logging") in (False, "false"):
        return []
    return [name for name in request.after if _REQUEST_ID.fullmatch(name)][-STITCHED:]


def _content_type(output_format: object) -> str:
    content_type = _CONTENT_TYPES.get(str(output_format).partition("_")[0])
    if content_type is None:
        raise InvalidInput(
            f"input.output_format {output_format!r} has no container; use one of {', '.join(_CONTENT_TYPES)}, "
            f"such as {_DEFAULT_FORMAT}"
        )
    return content_type


def _code(document: JsonObject) -> str | None:
    """Return the code in ``{"detail": {"status" or "code": …}}``."""
    detail = document.get("detail")
    if not isinstance(detail, dict):
        return None
    codes = [detail.get(key) for key in ("status", "code")]
    return next((code for code in codes if isinstance(code, str) and code in _KINDS), None)


def _words(document: JsonObject) -> str:
    detail = document.get("detail")
    message = detail.get("message") if isinstance(detail, dict) else None
    text = as_text(message or detail or document)
    code = _code(document)
    if code is None:
        return text
    remedy = _REMEDIES.get(code)
    return f"{code}: {text}" + (f" ({remedy})" if remedy else "")


DIALECT = Dialect("ElevenLabs", _words, refine=lambda status, document: _KINDS.get(_code(document) or ""))


def _submission(reply: Reply | NoReply, content_type: str, secrets: tuple[str, ...]) -> Submission:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    audio = decoded(document.get("audio_base64"))
    if audio is None:
        return unknown(DIALECT, "answered without audio that can be read", secrets)
    request_id = reply.headers.get("request-id", "") if isinstance(reply, Reply) else ""
    alignment = _alignment(document.get("alignment")) or _alignment(document.get("normalized_alignment"))
    return Done(
        Result(BytesOutput(audio, content_type), alignment=alignment),
        job_id=request_id if _REQUEST_ID.fullmatch(request_id) else None,
    )


def _alignment(value: object) -> Alignment | None:
    """Read the alignment; None when it does not fit together, since captions are no reason to lose paid audio."""
    if not isinstance(value, dict):
        return None
    characters = value.get("characters")
    starts, ends = (_seconds(value.get(f"character_{edge}_times_seconds")) for edge in ("start", "end"))
    if not isinstance(characters, list) or not characters or starts is None or ends is None:
        return None
    if not len(characters) == len(starts) == len(ends) or not all(isinstance(it, str) for it in characters):
        return None
    return Alignment(tuple(characters), starts, ends)


def _seconds(value: object) -> tuple[float, ...] | None:
    if not isinstance(value, list):
        return None
    try:
        times = tuple(float(item) for item in value if isinstance(item, int | float) and not isinstance(item, bool))
    except OverflowError:
        return None
    return times if len(times) == len(value) and all(math.isfinite(t) and t >= 0 for t in times) else None
