"""Google's Text-to-Speech (https://cloud.google.com/text-to-speech/docs/reference/rest): speech while you wait."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.ledger import digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.vertex_wire import error, failure, is_authorized, unauthenticated
from storyjob.simulator.world import Order, World, subject_of

_FORMATS = {
    "MP3": "mp3_24000_32",
    "LINEAR16": "wav_24000",
    "OGG_OPUS": "opus_24000_32",
    "M4A": "m4a_24000_64",
    "PCM": "pcm_24000",
}
_VOICES = ("en-US-Chirp3-HD-Charon", "en-US-Standard-A", "de-DE-Chirp3-HD-Kore")
_MAX_BYTES = 5000


class GoogleSpeech:
    """Speaks as https://texttospeech.googleapis.com."""

    name = "google-tts"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [web.post("/v1/text:synthesize", self._speak), web.get("/v1/voices", self._voices)]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"code", "message", "status"}}``."""
        return failure(fault)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        voice = _object(body, "voice")
        subject = Subject(self.name, StepKind.AUDIO, str(voice.get("modelName") or ""), _text(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return unauthenticated()

        async def act() -> web.StreamResponse:
            wish = _read_wish(body)
            if isinstance(wish, web.Response):
                return wish
            job = self._world.submit(Order(uuid.uuid4().hex, wish, base_url=""), entry)
            await job.finished.wait()
            return self._answer(job)

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, subject, entry), act)

    def _answer(self, job: Job) -> web.Response:
        if job.state is JobState.REFUSED:
            return error(400, job.error or "")
        if job.state is not JobState.SUCCEEDED:
            return error(500, job.error or "Internal error encountered.")
        stored = self._world.files.find(job.outputs[0])
        fault = self._world.faults.media(subject_of(job))
        if stored is None or isinstance(fault, ExpiredLink):
            return error(500, "Internal error encountered.")
        audio = spoil(stored.path.read_bytes(), fault)
        return web.json_response({"audioContent": base64.b64encode(audio).decode()})

    async def _voices(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return unauthenticated()
        voices = [
            {"languageCodes": [name[:5]], "name": name, "ssmlGender": "MALE", "naturalSampleRateHertz": 24000}
            for name in _VOICES
        ]
        return web.json_response({"voices": voices})

    def _authorized(self, request: web.Request) -> bool:
        return is_authorized(request, self._world.settings.keys[self.name])


def _object(body: dict[str, Any] | None, name: str) -> dict[str, Any]:
    value = (body or {}).get(name)
    return value if isinstance(value, dict) else {}


def _text(body: dict[str, Any] | None) -> str:
    spoken = _object(body, "input")
    text = spoken.get("text") or spoken.get("ssml")
    return text if isinstance(text, str) else ""


def _read_wish(body: dict[str, Any] | None) -> Wish | web.Response:
    text, voice = _text(body), _object(body, "voice")
    audio_format = _FORMATS.get(str(_object(body, "audioConfig").get("audioEncoding")))
    if not text:
        return error(400, "Either `input.text` or `input.ssml` is longer than the limit or empty.")
    if len(text.encode()) > _MAX_BYTES:
        return error(400, f"Either `input.text` or `input.ssml` is longer than the limit of {_MAX_BYTES} bytes.")
    if not voice.get("languageCode"):
        return error(400, "Voice language code is required.")
    if audio_format is None:
        return error(400, "Invalid AudioEncoding.")
    return Wish(
        vendor="google-tts",
        kind=StepKind.AUDIO,
        model=str(voice.get("modelName") or ""),
        text=text,
        voice=str(voice.get("name") or voice["languageCode"]),
        language=str(voice["languageCode"])[:2],
        format=audio_format,
    )
