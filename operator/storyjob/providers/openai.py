"""Speaks OpenAI's images and speech: one synchronous call each (docs/providers/openai.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storyjob.api.capabilities import Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Rejected, Submission
from storyjob.api.step import StepKind
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import MEDIA_BYTES, Call, digest, endpoint_url, exchange, json_body
from storyjob.providers.openai_answer import read_image, read_speech

ENDPOINT = "https://api.openai.com"
CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE, StepKind.AUDIO}),
    modes=frozenset({Mode.SYNC}),
    # "Complex prompts may take up to 2 minutes" (platform.openai.com/docs/guides/image-generation), and the higher
    # qualities take longer; giving up early would leave paid pictures unseen.
    submit_seconds=300.0,
)

_IMAGE_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
# `pcm` has no container, so nothing later could tell what it is.
_AUDIO_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
}
# These turn the answer into a stream of events.
_STREAMING = ("stream", "partial_images", "stream_format")
_CUSTOM_VOICE = "voice_"


@dataclass(frozen=True, slots=True)
class _Ask:
    call: Call
    content_type: str


class OpenAi:
    """OpenAI, with one project's key."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secret = connection.secret.strip()

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Have one picture made or one text spoken, and wait for it."""
        secrets = (self._secret, attempt.token)
        try:
            ask = self._ask(request, attempt)
        except InvalidInput as error:
            return Rejected(Failure(FailureKind.INVALID, clean(str(error), secrets)))
        read = read_speech if request.step is StepKind.AUDIO else read_image
        reply = await exchange(self._connection.http, ask.call, CAPABILITIES.submit_seconds)
        return await digest(reply, lambda answer: read(answer, ask.content_type, secrets))

    async def observe(self, job: Job) -> Observation:
        """Say that there is nothing to ask: the media came with the answer to submit or is lost."""
        return Observation(JobPhase.GONE, message="OpenAI sends media with the answer to the request and keeps no job")

    async def cancel(self, job: Job) -> None:
        """Do nothing: a synchronous call cannot be cancelled (``Cancel.NONE``)."""

    def _ask(self, request: Request, attempt: Attempt) -> _Ask:
        for name in _STREAMING:
            if request.input.get(name):
                raise InvalidInput(f"input.{name} is not supported: the answer must be the media itself; leave it out")
        match request.step:
            case StepKind.IMAGE:
                path, body, content_type = "/v1/images/generations", *_image(request)
            case StepKind.AUDIO:
                path, body, content_type = "/v1/audio/speech", *_speech(request)
            case other:
                raise InvalidInput(f"OpenAI makes pictures and narrations, not a step of kind {other.value}")
        headers = {
            "Authorization": f"Bearer {self._secret}",
            "Accept": "*/*",
            # Names this attempt in OpenAI's own logs; it prevents nothing
            # (developers.openai.com/api/reference/overview, "Debugging requests").
            "X-Client-Request-Id": attempt.token_hash,
        }
        url = endpoint_url(self._connection, path)
        return _Ask(Call("POST", url, headers, json_body(body), MEDIA_BYTES), content_type)


def _image(request: Request) -> tuple[dict[str, Any], str]:
    if request.image is not None:
        raise InvalidInput("OpenAI's pictures start from a prompt only; use another provider to start from a picture")
    # One picture: a step uses one, and every one is charged. No documented model takes a seed.
    body = {"model": request.model, "prompt": request.text, "n": 1, **request.input}
    return body, _content_type(body.get("output_format", "png"), "output_format", _IMAGE_TYPES)


def _speech(request: Request) -> tuple[dict[str, Any], str]:
    body: dict[str, Any] = {"model": request.model, "input": request.text, "response_format": "mp3"}
    if request.voice:
        body["voice"] = {"id": request.voice} if request.voice.startswith(_CUSTOM_VOICE) else request.voice
    body |= request.input
    if not body.get("voice"):
        raise InvalidInput("audio.voice is missing; OpenAI needs one, such as alloy")
    return body, _content_type(body["response_format"], "response_format", _AUDIO_TYPES)


def _content_type(wanted: object, name: str, known: Mapping[str, str]) -> str:
    if not isinstance(wanted, str) or wanted not in known:
        raise InvalidInput(f"input.{name} {wanted!r} cannot be used in a film; use one of {', '.join(known)}")
    return known[wanted]
