"""fal's queue (https://docs.fal.ai/documentation/model-apis/inference/queue)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from storyjob.simulator.courier import Habits, Letter
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import Route, Status
from storyjob.simulator.job import Job, JobEvent, JobState, Wish
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors import fal_wire as wire
from storyjob.simulator.vendors.fal_models import app_of, kind_of, text_of, wish_of
from storyjob.simulator.world import Order, World, subject_of

# Ten tries in two hours; how they are spread is not documented.
_DELAYS = (5.0, 15.0, 60.0, 300.0, 600.0, 1200.0, 1500.0, 1500.0, 1800.0)
_PRIORITIES = ("low", "normal", "high")
_MODEL = r"{model:[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)+}"
_REQUEST = r"/{app:[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)+}/requests/{id}"
Answer = Callable[[Job], web.Response]
_STRANGERS_OUTPUT = "https://attacker.invalid/stolen.png"


class Fal:
    """Speaks as https://queue.fal.run, and publishes the keys of its webhooks itself."""

    name = "fal"

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = wire.WebhookKey(world.settings.webhook_secret)
        self._habits = Habits(self._key.sign, agent="fal", delays=_DELAYS)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/.well-known/jwks.json", self._jwks),
            web.post("/" + _MODEL, self._submit),
            web.get(_REQUEST + "/status", self._status),
            web.get(_REQUEST, self._result),
            web.put(_REQUEST + "/cancel", self._cancel),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return an error of the platform: ``{"detail": "text"}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        if fault.code:
            headers["X-Fal-Error-Type"] = fault.code
        return wire.error(fault.status, fault.message or "Something went wrong.", headers)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        model, body = request.match_info["model"], await read_object(request)
        entry = self._write_down(request, model, body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return _unauthenticated()

        async def act() -> web.StreamResponse:
            if body is None:
                return wire.error(400, "The body is not a JSON object.")
            try:
                wish, deadline = wish_of(model, body), _start_timeout(request)
            except ValueError as error:
                return wire.invalid(str(error))
            if request.headers.get("X-Fal-Queue-Priority", "normal") not in _PRIORITIES:
                return wire.error(400, "Invalid queue priority.")
            job = self._take(request, wish, deadline, entry)
            return web.json_response(wire.accepted(job, self._base(request)))

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, request: web.Request, model: str, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, kind_of(model), model, text_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body)
        entry.webhook_url = request.query.get("fal_webhook")
        return entry

    def _take(self, request: web.Request, wish: Wish, deadline: float | None, entry: Entry) -> Job:
        order = Order(
            job_id=str(uuid.uuid4()),
            wish=wish,
            base_url=self._world.settings.public_url or f"{request.scheme}://{request.host}",
            request={"app": app_of(wish.model)},
            deadline_seconds=deadline,
            deadline_to_start=True,
            listener=(lambda job, event: self._tell(job, event, entry)) if entry.webhook_url else None,
        )
        return self._world.submit(order, entry)

    def _tell(self, job: Job, event: JobEvent, entry: Entry) -> None:
        if event is JobEvent.COMPLETED:
            self._world.courier.send(self._letter(job, event, entry, wire.webhook(job)))
        elif "forged-webhook" in job.faults:
            lie = {"request_id": job.id, "status": "OK", "payload": {"images": [{"url": _STRANGERS_OUTPUT}]}}
            self._world.courier.forge(self._letter(job, "forged", entry, lie))

    def _letter(self, job: Job, event: str, entry: Entry, body: dict[str, Any]) -> Letter:
        return Letter(
            event=event,
            webhook_id=job.id,
            url=entry.webhook_url or "",
            body=json.dumps(body).encode(),
            entry=entry,
            last=True,
            faults=job.faults,
            habits=self._habits,
        )

    async def _status(self, request: web.Request) -> web.StreamResponse:
        def answer(job: Job) -> web.Response:
            job.polls += 1
            with_logs = request.query.get("logs", "").lower() in ("1", "true")
            body = wire.status(job, self._base(request), with_logs=with_logs)
            return web.json_response(body, status=200 if job.state.final else 202)

        return await self._on_request(request, Route.POLL, answer)

    async def _result(self, request: web.Request) -> web.StreamResponse:
        def answer(job: Job) -> web.Response:
            if not job.state.final:
                return wire.error(400, "Request is still in progress")
            if job.state is JobState.SUCCEEDED and job.removed:
                return wire.error(404, "Request not found")
            return wire.result(job)

        return await self._on_request(request, Route.POLL, answer)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        def answer(job: Job) -> web.Response:
            if job.state.final:
                return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
            queued = job.state is JobState.QUEUED
            self._world.cancel(job)
            word = "OK" if queued else "CANCELLATION_REQUESTED"
            return web.json_response({"status": word}, status=200 if queued else 202)

        return await self._on_request(request, Route.CANCEL, answer)

    async def _on_request(
        self, request: web.Request, route: Route, answer: Callable[[Job], web.Response]
    ) -> web.StreamResponse:
        if not self._authorized(request):
            return _unauthenticated()
        job = self._world.find(self.name, request.match_info["id"])
        if job is None or request.match_info["app"] != job.request["app"]:
            body = {"status": "NOT_FOUND"} if route is Route.CANCEL else {"detail": "Request not found"}
            return web.json_response(body, status=404)
        found = job

        async def act() -> web.StreamResponse:
            return answer(found)

        return await exchange(request, self, self._world.faults, Visit(route, subject_of(job)), act)

    async def _jwks(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._key.jwks())

    def _base(self, request: web.Request) -> str:
        return (self._world.settings.public_url or f"{request.scheme}://{request.host}") + "/fal"

    def _authorized(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Key" and key in self._world.settings.keys[self.name]


def _start_timeout(request: web.Request) -> float | None:
    text = request.headers.get("X-Fal-Request-Timeout")
    if text is None:
        return None
    seconds = float(text)
    if seconds <= 0.1:
        raise ValueError("X-Fal-Request-Timeout: must be more than 0.1 seconds")
    return seconds


def _unauthenticated() -> web.Response:
    return wire.error(401, "Cannot access application. Authentication is required to access this application.")
