"""Black Forest Labs (https://docs.bfl.ai/api-reference), as clients that poll know it."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import Route, Status
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors import bfl_wire as wire
from storyjob.simulator.world import Order, World, subject_of


class BlackForestLabs:
    """Speaks as https://api.bfl.ai."""

    name = "bfl"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [web.post("/v1/{model}", self._create), web.get("/v1/get_result", self._get)]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"detail": "text"}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return wire.error(fault.status, fault.message or "Something went wrong.", headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        model, body = request.match_info["model"], await read_object(request)
        entry = self._write_down(model, body or {})
        if (refusal := self._refusal(request)) is not None:
            entry.outcome = f"rejected {refusal.status}"
            return refusal

        async def act() -> web.StreamResponse:
            if model not in wire.MODELS:
                return wire.error(404, "Not Found")
            try:
                wish = wire.wish_of(model, body or {})
            except ValueError as error:
                return wire.invalid(str(error))
            base = self._world.settings.public_url or f"{request.scheme}://{request.host}"
            job = self._world.submit(Order(job_id=str(uuid.uuid4()), wish=wish, base_url=base), entry)
            return web.json_response(wire.accepted(job))

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, model: str, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, StepKind.IMAGE, model, wire.text_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body)
        return entry

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        job = self._world.find(self.name, request.query.get("id", ""))
        if job is None or job.removed:
            return wire.unknown_task(request.query.get("id", ""))
        found = job

        async def act() -> web.StreamResponse:
            found.polls += 1
            return web.json_response(wire.task(found))

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, subject_of(job)), act)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("x-key") in self._world.settings.keys[self.name]:
            return None
        return wire.error(403, "Not authenticated - Invalid Authentication")
