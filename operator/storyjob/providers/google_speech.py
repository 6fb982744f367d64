"""Speaks Google's Text-to-Speech: one synchronous call (docs/providers/google-tts.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from storyjob.api.capabilities import Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import BytesOutput, Done, JobPhase, Observation, Result, Submission
from storyjob.api.step import StepKind
from storyjob.providers.answers import submitted, unknown
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.encoded import decoded
from storyjob.providers.exchange import MEDIA_BYTES, Call, NoReply, Reply, digest, endpoint_url, exchange, json_body
from storyjob.providers.google_access import GoogleAccess, NotSent, unsent
from storyjob.providers.google_error import google_dialect

ENDPOINT = "https://texttospeech.googleapis.com"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.AUDIO}),
    modes=frozenset({Mode.SYNC}),
    submit_seconds=120.0,
)
DIALECT = google_dialect("Google Text-to-Speech")

# PCM, MULAW and ALAW are left out: nothing in the first says what it is, and the others sound like a telephone.
_CONTENT_TYPES = {"MP3": "audio/mpeg", "LINEAR16": "audio/wav", "OGG_OPUS": "audio/ogg", "M4A": "audio/mp4"}
# `en-US-Chirp3-HD-Charon` begins with its language; Gemini's voices, such as `Kore`, speak many.
_LANGUAGE = re.compile(r"([a-z]{2,3}-(?:[A-Z][a-z]{3}-)?[A-Z0-9]{2,3})-.+")
_GEMINI = "gemini-"


class GoogleSpeech:
    """Google Text-to-Speech, with an API key or a service account."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._access = GoogleAccess(connection)

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Have the text spoken and wait for the audio."""
        secrets: tuple[str, ...] = (self._access.secret, attempt.token)
        try:
            body, content_type = _synthesis(request)
            headers = await self._access.headers()
            url = endpoint_url(self._connection, "/v1/text:synthesize")
            call = Call("POST", url, headers, json_body(body), MEDIA_BYTES)
        except NotSent as error:
            return unsent(error, secrets)
        secrets = (attempt.token, *self._access.secrets(headers))
        reply = self._access.noted(await exchange(self._connection.http, call, CAPABILITIES.submit_seconds))
        return await digest(reply, lambda answer: _submission(answer, content_type, secrets))

    async def observe(self, job: Job) -> Observation:
        """Say that there is nothing to ask: the audio came with the answer to submit or is lost."""
        return Observation(
            JobPhase.GONE, message="Google Text-to-Speech sends the audio with the answer and keeps no job"
        )

    async def cancel(self, job: Job) -> None:
        """Do nothing: a synchronous call cannot be cancelled (``Cancel.NONE``)."""


def _synthesis(request: Request) -> tuple[dict[str, Any], str]:
    """Return the body and the type of the audio. The user's ``input``, ``voice`` and ``audioConfig`` are merged in."""
    if request.step not in CAPABILITIES.steps:
        raise InvalidInput(f"Google Text-to-Speech makes narrations, not a step of kind {request.step.value}")
    inputs = dict(request.input)
    spoken = {"ssml" if request.text.lstrip().startswith("<speak") else "text": request.text}
    audio = {"audioEncoding": "MP3", **_part(inputs, "audioConfig")}
    encoding = audio["audioEncoding"]
    if not isinstance(encoding, str) or encoding not in _CONTENT_TYPES:
        known = ", ".join(_CONTENT_TYPES)
        raise InvalidInput(f"input.audioConfig.audioEncoding {encoding!r} cannot be used in a film; use one of {known}")
    voice = _voice(request, _part(inputs, "voice"))
    body = {"input": {**spoken, **_part(inputs, "input")}, "voice": voice, "audioConfig": audio, **inputs}
    return body, _CONTENT_TYPES[encoding]


def _voice(request: Request, wishes: Mapping[str, Any]) -> dict[str, Any]:
    voice: dict[str, Any] = {}
    if request.voice:
        voice["name"] = request.voice
        if (found := _LANGUAGE.fullmatch(request.voice)) is not None:
            voice["languageCode"] = found[1]
    # For all other voices the model is part of the voice's name.
    if request.model.startswith(_GEMINI):
        voice["modelName"] = request.model
    voice |= wishes
    if not voice.get("languageCode"):
        raise InvalidInput(
            "the language is missing: set audio.voice to a voice whose name begins with it, such as "
            "en-US-Chirp3-HD-Charon, or set input.voice.languageCode"
        )
    return voice


def _part(inputs: dict[str, Any], name: str) -> Mapping[str, Any]:
    part = inputs.pop(name, None)
    if part is not None and not isinstance(part, Mapping):
        raise InvalidInput(f"input.{name} must be an object")
    return part or {}


def _submission(reply: Reply | NoReply, content_type: str, secrets: tuple[str, ...]) -> Submission:
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    audio = decoded(document.get("audioContent"))
    if audio is None:
        return unknown(DIALECT, "answered without audio that can be read", secrets)
    return Done(Result(BytesOutput(audio, content_type)))
