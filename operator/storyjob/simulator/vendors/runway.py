"""Runway (https://docs.dev.runwayml.com/api)."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import Route, Status
from storyjob.simulator.job import Job
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors import runway_wire as wire
from storyjob.simulator.world import Order, World, subject_of

_KINDS = {"image_to_video": StepKind.VIDEO, "text_to_video": StepKind.VIDEO, "text_to_image": StepKind.IMAGE}


class Runway:
    """Speaks as https://api.dev.runwayml.com."""

    name = "runway"

    def __init__(self, world: World) -> None:
        self._world = world
        self._deleted: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            *(web.post(f"/v1/{{way:{way}}}", self._create) for way in _KINDS),
            web.get("/v1/tasks/{id}", self._get),
            web.delete("/v1/tasks/{id}", self._delete),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": "text"}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return wire.error(fault.status, fault.message or "Something went wrong.", headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        way, body = request.match_info["way"], await read_object(request)
        entry = self._write_down(_KINDS[way], body or {})
        refusal = self._refusal(request)
        if refusal is not None:
            entry.outcome = f"rejected {refusal.status}"
            return refusal

        async def act() -> web.StreamResponse:
            try:
                wish = wire.wish_of(_KINDS[way], body or {}, from_still=way == "image_to_video")
            except ValueError as error:
                return wire.invalid(str(error))
            base = self._world.settings.public_url or f"{request.scheme}://{request.host}"
            job = self._world.submit(Order(job_id=str(uuid.uuid4()), wish=wish, base_url=base), entry)
            return web.json_response(wire.accepted(job))

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, kind: StepKind, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, kind, str(body.get("model") or ""), wire.text_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body)
        return entry

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self._on_task(request, Route.POLL)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        return await self._on_task(request, Route.CANCEL)

    async def _on_task(self, request: web.Request, route: Route) -> web.StreamResponse:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        job = self._world.find(self.name, request.match_info["id"])
        if job is None or job.id in self._deleted or job.removed:
            return wire.error(404, "Not found")
        found = job

        async def act() -> web.StreamResponse:
            if route is Route.CANCEL:
                self._forget(found)
                return web.Response(status=204)
            found.polls += 1
            return web.json_response(wire.task(found))

        return await exchange(request, self, self._world.faults, Visit(route, subject_of(job)), act)

    def _forget(self, job: Job) -> None:
        """Stop a task that is open and delete one that is not: neither can be fetched again."""
        self._world.cancel(job)
        self._deleted.add(job.id)
        for key in job.outputs:
            self._world.files.forget(key)

    def _refusal(self, request: web.Request) -> web.Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in self._world.settings.keys[self.name]:
            return wire.error(401, "The API key is not valid.")
        if request.headers.get("X-Runway-Version") != wire.VERSION:
            return wire.error(400, f"The X-Runway-Version header is required; use {wire.VERSION}.")
        return None
