"""OpenAI's images and speech (https://developers.openai.com/api/reference): made while you wait."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.openai_wire import error, read_image_wish, read_speech_wish, usage
from storyjob.simulator.world import Order, World, subject_of

Read = Callable[[dict[str, Any] | None], Wish | web.Response]
_UNAUTHORIZED = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."


class OpenAi:
    """Speaks as https://api.openai.com."""

    name = "openai"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [web.post("/v1/images/generations", self._draw), web.post("/v1/audio/speech", self._speak)]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"message", "type", "param", "code"}}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return error(fault.status, fault.message or "The request could not be served.", fault.code, headers)

    async def _draw(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(StepKind.IMAGE, "prompt", body or {})
        return await self._make(request, body, entry, read_image_wish)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(StepKind.AUDIO, "input", body or {})
        return await self._make(request, body, entry, read_speech_wish)

    async def _make(
        self, request: web.Request, body: dict[str, Any] | None, entry: Entry, read: Read
    ) -> web.StreamResponse:
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return error(401, _UNAUTHORIZED)

        async def act() -> web.StreamResponse:
            wish = read(body)
            if isinstance(wish, web.Response):
                return wish
            job = self._world.submit(Order(f"req_{secrets.token_hex(16)}", wish, base_url=""), entry)
            await job.finished.wait()
            return self._answer(job)

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, kind: StepKind, text_key: str, body: dict[str, Any]) -> Entry:
        text, model = body.get(text_key), body.get("model")
        subject = Subject(self.name, kind, str(model or ""), text if isinstance(text, str) else "")
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body)
        return entry

    def _answer(self, job: Job) -> web.Response:
        headers = {"x-request-id": job.id}
        if job.state is JobState.REFUSED:
            return error(400, job.error or "", "moderation_blocked", headers)
        if job.state is not JobState.SUCCEEDED:
            return error(500, job.error or "The server had an error.", None, headers)
        files = [self._file(job, key) for key in job.outputs]
        if None in files:
            return error(500, "The result is not there any more.", None, headers)
        found = [file for file in files if file is not None]
        if job.wish.kind is StepKind.AUDIO:
            data, content_type = found[0]
            return web.Response(body=data, content_type=content_type, headers=headers)
        pictures = [{"b64_json": base64.b64encode(data).decode()} for data, _ in found]
        document = {
            "created": int(job.created_at),
            "size": f"{job.wish.width}x{job.wish.height}",
            "output_format": "jpeg" if job.wish.format == "jpg" else job.wish.format,
            "data": pictures,
            "usage": usage(job.wish),
        }
        return web.json_response(document, headers=headers)

    def _file(self, job: Job, key: str) -> tuple[bytes, str] | None:
        """Return a file's bytes and type, spoiled when the fault script says so."""
        stored = self._world.files.find(key)
        fault = self._world.faults.media(subject_of(job))
        if stored is None or isinstance(fault, ExpiredLink):
            return None
        return spoil(stored.path.read_bytes(), fault), stored.content_type

    def _authorized(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and key in self._world.settings.keys[self.name]
