"""ElevenLabs' HTTP API (https://elevenlabs.io/docs/api-reference): speech while you wait, and its history."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Act, Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status
from storyjob.simulator.job import Job, JobState
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.elevenlabs_wire import (
    DEFAULT_MODEL,
    VOICES,
    aligned,
    error,
    history_item,
    invalid,
    previous,
    read_wish,
)
from storyjob.simulator.world import Order, World, subject_of

_CODES = {401: "invalid_api_key", 404: "not_found", 429: "system_busy"}
_BUSY = "Too many concurrent requests: your plan allows {limit} at once."


class ElevenLabs:
    """Speaks as https://api.elevenlabs.io."""

    name = "elevenlabs"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        speech = "/v1/text-to-speech/{voice}"
        return [
            web.post(speech, self._speak),
            web.post(f"{speech}/stream", self._speak),
            web.post(f"{speech}/with-timestamps", self._speak),
            web.get("/v1/history", self._history),
            web.get("/v1/history/{id}", self._item),
            web.get("/v1/history/{id}/audio", self._item_audio),
            web.get("/v1/voices", self._voices),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"detail": {"status", "message"}}``."""
        code = fault.code or _CODES.get(fault.status, "internal_server_error")
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return error(fault.status, code, fault.message or "The request could not be served.", headers)

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(request, body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return _unauthorized()

        async def act() -> web.StreamResponse:
            wish = read_wish(request, body)
            if isinstance(wish, web.Response):
                return wish
            busy = self._world.open_jobs[self.name]
            limit = self._world.settings.speech_concurrency
            if busy >= limit:
                return error(429, "too_many_concurrent_requests", _BUSY.format(limit=limit))
            kept = request.query.get("enable_logging", "true") != "false"
            order = Order(secrets.token_urlsafe(15), wish, base_url="", request={"kept": kept})
            job = self._world.submit(order, entry)
            await job.finished.wait()
            return self._answer(request, job, busy + 1)

        visit = Visit(Route.SUBMIT, entry.subject, entry)
        return await exchange(request, self, self._world.faults, visit, act)

    def _write_down(self, request: web.Request, body: dict[str, Any]) -> Entry:
        text = body.get("text")
        model = str(body.get("model_id") or DEFAULT_MODEL)
        subject = Subject(self.name, StepKind.AUDIO, model, text if isinstance(text, str) else "")
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.after = previous(body)
        wish = {key: value for key, value in body.items() if key != "previous_request_ids"}
        entry.input_sha256 = digest({"voice": request.match_info["voice"], "body": wish})
        return entry

    def _answer(self, request: web.Request, job: Job, busy: int) -> web.Response:
        if job.state is JobState.REFUSED:
            return error(400, "content_against_policy", job.error or "")
        if job.state is not JobState.SUCCEEDED:
            return error(500, "internal_server_error", job.error or "")
        headers = {
            "request-id": job.id,
            "history-item-id": job.id,
            "character-cost": str(len(job.wish.text)),
            "current-concurrent-requests": str(busy),
            "maximum-concurrent-requests": str(self._world.settings.speech_concurrency),
        }
        audio = self._audio(job)
        if not request.path.endswith("/with-timestamps") or audio.status != 200:
            audio.headers.update(headers)
            return audio
        assert isinstance(audio.body, bytes)
        alignment = aligned(job.alignment)
        body = {
            "audio_base64": base64.b64encode(audio.body).decode(),
            "alignment": alignment,
            "normalized_alignment": alignment,
        }
        return web.json_response(body, headers=headers)

    def _audio(self, job: Job) -> web.Response:
        """Return a narration's file, spoiled when the fault script says so."""
        stored = self._world.files.find(job.outputs[0])
        fault = self._world.faults.media(subject_of(job))
        if stored is None or isinstance(fault, ExpiredLink):
            return error(404, "not_found", "The audio is not there any more.")
        return web.Response(body=spoil(stored.path.read_bytes(), fault), content_type=stored.content_type)

    async def _history(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            return self._page(request)

        return await self._look_up(request, Subject(self.name), act)

    async def _item(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            job = self._kept(request.match_info["id"])
            return web.json_response(history_item(job)) if job else _unknown_item()

        return await self._look_up(request, Subject(self.name), act)

    async def _item_audio(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            job = self._kept(request.match_info["id"])
            return self._audio(job) if job else _unknown_item()

        return await self._look_up(request, Subject(self.name), act)

    async def _voices(self, request: web.Request) -> web.StreamResponse:
        async def act() -> web.StreamResponse:
            voices = [{"voice_id": key, "name": name, "category": "premade"} for key, name in VOICES.items()]
            return web.json_response({"voices": voices})

        return await self._look_up(request, Subject(self.name), act)

    async def _look_up(self, request: web.Request, subject: Subject, act: Act) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthorized()
        return await exchange(request, self, self._world.faults, Visit(Route.POLL, subject), act)

    def _page(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            size = min(int(query.get("page_size", "100")), 1000)
            since, until = (
                float(query.get(name, end)) for name, end in (("date_after_unix", "0"), ("date_before_unix", "inf"))
            )
        except ValueError as problem:
            return invalid("query", "page_size", str(problem))
        items = [
            job
            for job in self._world.jobs(self.name)
            if _in_history(job)
            and since <= job.created_at < until
            and query.get("voice_id") in (None, job.wish.voice)
            and query.get("model_id") in (None, job.wish.model)
        ]
        after = query.get("start_after_history_item_id")
        start = next((n + 1 for n, job in enumerate(items) if job.id == after), 0)
        page = items[start : start + size]
        return web.json_response(
            {
                "history": [history_item(job) for job in page],
                "last_history_item_id": page[-1].id if page else None,
                "has_more": start + size < len(items),
            }
        )

    def _kept(self, item: str) -> Job | None:
        job = self._world.find(self.name, item)
        return job if job and _in_history(job) else None

    def _authorized(self, request: web.Request) -> bool:
        return request.headers.get("xi-api-key") in self._world.settings.keys[self.name]


def _in_history(job: Job) -> bool:
    return job.state is JobState.SUCCEEDED and bool(job.request["kept"])


def _unauthorized() -> web.Response:
    return error(401, "invalid_api_key", "Invalid API key")


def _unknown_item() -> web.Response:
    return error(404, "history_item_not_found", "No such history item.")
