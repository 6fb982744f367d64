"""Luma's Dream Machine (https://docs.lumalabs.ai/reference)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.courier import Habits, Letter
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import Route, Status
from storyjob.simulator.job import Job, JobEvent, Wish
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors import luma_wire as wire
from storyjob.simulator.world import Order, World, subject_of

_KINDS = {"video": StepKind.VIDEO, "image": StepKind.IMAGE}
_MAX_PAGE = 100
_STRANGERS_OUTPUT = "https://attacker.invalid/stolen.mp4"


def _unsigned(webhook_id: str, at: int, body: bytes, genuine: bool) -> Mapping[str, str]:
    return {}


# https://docs.lumalabs.ai/changelog/callbacks-and-credits-balance: three more tries, 100 ms apart, until a 200.
_HABITS = Habits(_unsigned, agent="Luma", delays=(0.1, 0.1, 0.1), insists=True, takes=lambda status: status == 200)


class Luma:
    """Speaks as https://api.lumalabs.ai/dream-machine/v1."""

    name = "luma"

    def __init__(self, world: World) -> None:
        self._world = world
        self._deleted: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            *(web.post(f"/generations/{{kind:{kind}}}", self._create) for kind in _KINDS),
            web.get("/generations", self._list),
            web.get("/generations/{id}", self._get),
            web.delete("/generations/{id}", self._delete),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"detail": "text"}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return wire.error(fault.status, fault.message or "Something went wrong.", headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        kind, body = _KINDS[request.match_info["kind"]], await read_object(request)
        entry = self._write_down(kind, body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return _unauthenticated()

        async def act() -> web.StreamResponse:
            try:
                wish = wire.wish_of(kind, body or {})
            except ValueError as error:
                return wire.error(400, str(error))
            job = self._take(request, wish, body or {}, entry)
            return web.json_response(wire.generation(job), status=201)

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, kind: StepKind, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, kind, str(body.get("model") or ""), wire.text_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest({name: value for name, value in body.items() if name != "callback_url"})
        url = body.get("callback_url")
        entry.webhook_url = url if isinstance(url, str) else None
        return entry

    def _take(self, request: web.Request, wish: Wish, body: dict[str, Any], entry: Entry) -> Job:
        order = Order(
            job_id=str(uuid.uuid4()),
            wish=wish,
            base_url=self._world.settings.public_url or f"{request.scheme}://{request.host}",
            request=body | {"generation_type": wish.kind.value},
            listener=(lambda job, event: self._tell(job, event, entry)) if entry.webhook_url else None,
        )
        return self._world.submit(order, entry)

    def _tell(self, job: Job, event: JobEvent, entry: Entry) -> None:
        body = wire.generation(job)
        letter = Letter(
            event=event,
            webhook_id=job.id,
            url=entry.webhook_url or "",
            body=json.dumps(body).encode(),
            entry=entry,
            last=event is JobEvent.COMPLETED,
            faults=job.faults,
            habits=_HABITS,
        )
        if event is JobEvent.START and "forged-webhook" in job.faults:
            lie = body | {"state": "completed", "assets": {job.wish.kind.value: _STRANGERS_OUTPUT}}
            self._world.courier.forge(replace(letter, event="forged", body=json.dumps(lie).encode()))
        self._world.courier.send(letter)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()

        async def act() -> web.StreamResponse:
            try:
                limit, offset = int(request.query.get("limit", "10")), int(request.query.get("offset", "0"))
            except ValueError:
                return wire.error(400, "limit and offset must be integers")
            jobs = [job for job in self._world.jobs(self.name) if job.id not in self._deleted]
            page = jobs[max(offset, 0) :][: min(max(limit, 1), _MAX_PAGE)]
            more = offset + len(page) < len(jobs)
            listed = {"generations": [wire.generation(job) for job in page], "count": len(page), "has_more": more}
            return web.json_response(listed | {"limit": limit, "offset": offset})

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, Subject(self.name)), act)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self._on_generation(request, Route.POLL)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        return await self._on_generation(request, Route.CANCEL)

    async def _on_generation(self, request: web.Request, route: Route) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()
        job = self._world.find(self.name, request.match_info["id"])
        if job is None or job.id in self._deleted or job.removed:
            return wire.error(404, "Generation not found")
        found = job

        async def act() -> web.StreamResponse:
            if route is Route.CANCEL:
                # Whether this stops one that is at work is not documented: the worst case is that it does not.
                self._deleted.add(found.id)
                return web.Response(status=204)
            found.polls += 1
            return web.json_response(wire.generation(found))

        return await exchange(request, self, self._world.faults, Visit(route, subject_of(job)), act)

    def _authorized(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and key in self._world.settings.keys[self.name]


def _unauthenticated() -> web.Response:
    return wire.error(401, "Not authenticated")
