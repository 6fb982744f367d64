"""Replicate's HTTP API (https://replicate.com/docs/reference/http): predictions and signed webhooks."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from dataclasses import replace
from typing import Any

from aiohttp import web

from storyjob.simulator.clock import iso
from storyjob.simulator.courier import Letter
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import Route, Status
from storyjob.simulator.job import Job, JobEvent, Wish
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.replicate_models import shape_of, text_of
from storyjob.simulator.vendors.replicate_wire import (
    deployment_of,
    duration,
    instant,
    model_of,
    prediction,
    problem,
    read_wish,
    wanted_events,
    webhook_of,
)
from storyjob.simulator.world import Order, World, subject_of

PAGE_SIZE = 100
_WAIT = re.compile(r"wait(?:=(\d{1,4}))?")
_MAX_WAIT = 60  # seconds
_NOT_FOUND = "The requested resource could not be found."
_STRANGERS_OUTPUT = "https://attacker.invalid/stolen.png"


class Replicate:
    """Speaks as https://api.replicate.com."""

    name = "replicate"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/v1/predictions", self._create),
            web.post("/v1/models/{owner}/{name}/predictions", self._create),
            web.post("/v1/deployments/{owner}/{name}/predictions", self._create),
            web.get("/v1/predictions", self._list),
            web.get("/v1/predictions/{id}", self._get),
            web.post("/v1/predictions/{id}/cancel", self._cancel),
            web.get("/v1/webhooks/default/secret", self._secret),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return an RFC 7807 problem; a 429 tells the wait in its text, as Replicate does."""
        detail = fault.message or "Something went wrong."
        if fault.message is None and fault.status == 429:
            detail = f"Request was throttled. Your rate limit resets in ~{fault.retry_after or 1:.0f}s."
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return problem(fault.status, detail, headers=headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(request, body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return _unauthenticated()

        async def act() -> web.StreamResponse:
            wish = read_wish(body, entry.subject.model)
            if isinstance(wish, web.Response):
                return wish
            try:
                deadline = duration(request.headers.get("Cancel-After"))
            except ValueError as error:
                return problem(400, str(error))
            job = self._submit(request, body or {}, wish, deadline, entry)
            waited = await _wait(request, job)
            return web.json_response(prediction(job), status=202 if waited and not job.state.final else 201)

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, request: web.Request, body: dict[str, Any]) -> Entry:
        given = body.get("input")
        given = given if isinstance(given, dict) else {}
        model = model_of(request, body)
        subject = Subject(self.name, shape_of(model).kind, model, text_of(given))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(given)
        entry.webhook_url = webhook_of(body)
        return entry

    def _submit(
        self, request: web.Request, body: dict[str, Any], wish: Wish, deadline: float | None, entry: Entry
    ) -> Job:
        def tell(job: Job, event: JobEvent) -> None:
            self._tell(job, event, entry)

        order = Order(
            job_id=base64.b32encode(secrets.token_bytes(16)).decode().lower().rstrip("="),
            wish=wish,
            base_url=self._world.settings.public_url or f"{request.scheme}://{request.host}",
            request=body | {"deployment": deployment_of(request)},
            deadline_seconds=deadline,
            listener=tell if entry.webhook_url else None,
        )
        return self._world.submit(order, entry)

    def _tell(self, job: Job, event: JobEvent, entry: Entry) -> None:
        if entry.webhook_url is None:
            return
        # The API sends "output" and "logs" only for models that stream; ours do not.
        body = prediction(job)
        letter = Letter(
            event=event,
            webhook_id=f"msg_{secrets.token_hex(12)}",
            url=entry.webhook_url,
            body=json.dumps(body).encode(),
            entry=entry,
            last=event is JobEvent.COMPLETED,
            faults=job.faults,
        )
        if event is JobEvent.START and "forged-webhook" in job.faults:
            lie = body | {"status": "succeeded", "output": _STRANGERS_OUTPUT}
            self._world.courier.forge(replace(letter, event="forged", body=json.dumps(lie).encode()))
        if event.value in wanted_events(job.request):
            self._world.courier.send(letter)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self._on_job(request, Route.POLL)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        return await self._on_job(request, Route.CANCEL)

    async def _on_job(self, request: web.Request, route: Route) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()
        job = self._world.find(self.name, request.match_info["id"])
        if job is None:
            return problem(404, _NOT_FOUND)
        found = job

        async def act() -> web.StreamResponse:
            if route is Route.CANCEL:
                self._world.cancel(found)
            else:
                found.polls += 1
            return web.json_response(prediction(found))

        return await exchange(request, self, self._world.faults, Visit(route, subject_of(job)), act)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()

        async def act() -> web.StreamResponse:
            return self._page(request)

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, Subject(self.name)), act)

    def _page(self, request: web.Request) -> web.Response:
        query = request.query
        try:
            after, before = instant(query.get("created_after")), instant(query.get("created_before"))
            start = max(int(query.get("cursor", "0")), 0)
        except ValueError as error:
            return problem(400, f"created_after, created_before or cursor: {error}")
        jobs = [job for job in self._world.jobs(self.name) if _created_between(job, after, before)]
        base = self._world.settings.public_url or f"{request.scheme}://{request.host}"

        def link(cursor: int) -> str:
            return base + str(request.rel_url.update_query(cursor=str(cursor)))

        return web.json_response(
            {
                "previous": link(max(start - PAGE_SIZE, 0)) if start else None,
                "next": link(start + PAGE_SIZE) if start + PAGE_SIZE < len(jobs) else None,
                "results": [prediction(job) for job in jobs[start : start + PAGE_SIZE]],
            }
        )

    async def _secret(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()
        return web.json_response({"key": self._world.settings.webhook_secret})

    def _authorized(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme in ("Bearer", "Token") and token in self._world.settings.keys[self.name]


def _created_between(job: Job, after: str | None, before: str | None) -> bool:
    created = iso(job.created_at) or ""
    return (after is None or created >= after) and (before is None or created < before)


def _unauthenticated() -> web.Response:
    return problem(401, "You did not pass a valid authentication token")


async def _wait(request: web.Request, job: Job) -> bool:
    """Hold the answer back as ``Prefer: wait`` asks; tell whether it asked."""
    match = _WAIT.fullmatch(request.headers.get("Prefer", "").strip())
    if match is None:
        return False
    seconds = min(max(int(match[1] or _MAX_WAIT), 1), _MAX_WAIT)
    try:
        await asyncio.wait_for(job.finished.wait(), seconds)
    except TimeoutError:
        return True
    return True
