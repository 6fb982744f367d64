"""Google's Interactions API (https://ai.google.dev/api/interactions-api) and the files that its clips are in."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.courier import Habits, Letter
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status, UnknownStatus
from storyjob.simulator.job import Job, JobEvent, JobState, Wish
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.gemini_webhook import WebhookKey
from storyjob.simulator.vendors.gemini_wire import (
    error,
    event_of,
    file_id,
    kind_of,
    prompt_of,
    read_wish,
    status_of,
    webhook_of,
)
from storyjob.simulator.world import Order, World, subject_of

_DELAYS = (5.0, 30.0, 120.0, 600.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0)  # seconds of the world
_VERSIONS = ("/v1", "/v1beta")
_NOT_SEEN = "You do not have permission to access the File {name} or it may not exist."


def _taken(status: int) -> bool:
    return 200 <= status < 300


class Gemini:
    """Speaks as https://generativelanguage.googleapis.com."""

    name = "gemini"

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = WebhookKey()
        # A day of tries, each later than the last; how they are spread is not documented.
        self._habits = Habits(self._key.sign, agent="Google", delays=_DELAYS, insists=True, takes=_taken)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, each under both versions of the API."""
        return [web.get("/.well-known/jwks.json", self._jwks)] + [
            route
            for version in _VERSIONS
            for route in (
                web.post(f"{version}/interactions", self._create),
                web.get(f"{version}/interactions/{{id}}", self._get),
                web.post(f"{version}/interactions/{{id}}/cancel", self._cancel),
                web.get(f"{version}/files/{{id:[a-z0-9-]+}}", self._file),
                web.get(f"{version}/files/{{id:[a-z0-9-]+}}:download", self._download),
            )
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"code", "message"}}``."""
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
        return error(fault.status, fault.message or "The request could not be served.", fault.code, headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return error(401, "API key not valid. Please pass a valid API key.")

        async def act() -> web.StreamResponse:
            wish = read_wish(body)
            if isinstance(wish, web.Response):
                return wish
            job = self._take(request, wish, body or {}, entry)
            if not (body or {}).get("background"):
                await job.finished.wait()
            return web.json_response(self._interaction(job))

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _take(self, request: web.Request, wish: Wish, body: dict[str, Any], entry: Entry) -> Job:
        order = Order(
            job_id=f"v1_{secrets.token_urlsafe(32)}",
            wish=wish,
            base_url=self._world.settings.public_url or f"{request.scheme}://{request.host}",
            request=body,
            listener=(lambda job, event: self._tell(job, event, entry)) if entry.webhook_url else None,
        )
        return self._world.submit(order, entry)

    def _tell(self, job: Job, event: JobEvent, entry: Entry) -> None:
        if event is JobEvent.COMPLETED:
            self._world.courier.send(self._letter(job, event, entry, event_of(job)))
        elif "forged-webhook" in job.faults:
            lie = event_of(job) | {"type": "interaction.completed"}
            self._world.courier.forge(self._letter(job, "forged", entry, lie))

    def _letter(self, job: Job, event: str, entry: Entry, body: dict[str, Any]) -> Letter:
        return Letter(
            event=event,
            webhook_id=f"evt_{secrets.token_hex(12)}",
            url=entry.webhook_url or "",
            body=json.dumps(body).encode(),
            entry=entry,
            last=True,
            faults=job.faults,
            habits=self._habits,
        )

    async def _jwks(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._key.jwks())

    def _write_down(self, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, kind_of(body), str(body.get("model") or ""), prompt_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest({name: value for name, value in body.items() if name != "webhook_config"})
        entry.webhook_url = webhook_of(body)
        return entry

    async def _get(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if isinstance(job, web.Response):
            return job
        found = job

        async def act() -> web.StreamResponse:
            found.polls += 1
            return web.json_response(self._interaction(found))

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, subject_of(job)), act)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        if isinstance(job, web.Response):
            return job
        found = job

        async def act() -> web.StreamResponse:
            if found.state.final:
                return error(400, "The interaction has ended.", "failed_precondition")
            self._world.cancel(found)
            return web.json_response(self._interaction(found))

        return await exchange(request, self, self._world.faults, Visit(Route.CANCEL, subject_of(job)), act)

    def _interaction(self, job: Job) -> dict[str, Any]:
        unknown = job.faults.get("unknown-status")
        status = status_of(job.state)
        if isinstance(unknown, UnknownStatus) and not job.state.final:
            status = unknown.word
        document: dict[str, Any] = {
            "id": job.id,
            "object": "interaction",
            "model": job.wish.model,
            "status": status,
            "created": iso(job.created_at),
            "updated": iso(job.completed_at or job.started_at or job.created_at),
        }
        if job.state is JobState.SUCCEEDED:
            document["steps"] = [{"type": "model_output", "content": [self._content(job, key) for key in job.outputs]}]
        if job.state in (JobState.FAILED, JobState.REFUSED):
            code = "prohibited_content" if job.state is JobState.REFUSED else "api_error"
            document["errors"] = [{"code": code, "message": job.error or "An internal error occurred."}]
        return document

    def _content(self, job: Job, key: str) -> dict[str, str]:
        """Return a result: inline, or as the address of a file."""
        stored = self._world.files.find(key)
        mime_type = stored.content_type if stored else "application/octet-stream"
        content = {"type": job.wish.kind.value, "mime_type": mime_type}
        if (job.request.get("response_format") or {}).get("delivery") == "uri":
            uri = f"{job.base_url}/{self.name}/v1beta/files/{file_id(key)}"
            return {**content, "uri": f"{uri}:download?alt=media"}
        fault = self._world.faults.media(subject_of(job))
        data = b"" if stored is None or isinstance(fault, ExpiredLink) else spoil(stored.path.read_bytes(), fault)
        return {**content, "data": base64.b64encode(data).decode()}

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = self._find_file(request)
        if isinstance(found, web.Response):
            return found
        job, key = found

        async def act() -> web.StreamResponse:
            name = file_id(key)
            uri = f"{job.base_url}/{self.name}/v1beta/files/{name}"
            return web.json_response({"name": f"files/{name}", "mimeType": "video/mp4", "uri": uri, "state": "ACTIVE"})

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, subject_of(job)), act)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        found = self._find_file(request)
        if isinstance(found, web.Response):
            return found
        job, key = found

        async def act() -> web.StreamResponse:
            stored = self._world.files.find(key)
            fault = self._world.faults.media(subject_of(job))
            if stored is None or isinstance(fault, ExpiredLink):
                return error(403, _NOT_SEEN.format(name=file_id(key)))
            return web.Response(body=spoil(stored.path.read_bytes(), fault), content_type=stored.content_type)

        return await exchange(request, self, self._world.faults, Visit(Route.DOWNLOAD, subject_of(job)), act)

    def _find_file(self, request: web.Request) -> tuple[Job, str] | web.Response:
        if not self._authorized(request):
            return error(403, "Method doesn't allow unregistered callers. Please use API Key.")
        name = request.match_info["id"]
        for job in self._world.jobs(self.name):
            for key in job.outputs:
                if file_id(key) == name and job.wish.kind is StepKind.VIDEO and self._world.files.find(key):
                    return job, key
        # Google does not say whether somebody else has a file of that name.
        return error(403, _NOT_SEEN.format(name=name))

    def _job(self, request: web.Request) -> Job | web.Response:
        if not self._authorized(request):
            return error(401, "API key not valid. Please pass a valid API key.")
        job = self._world.find(self.name, request.match_info["id"])
        return error(404, "Interaction not found.") if job is None or job.removed else job

    def _authorized(self, request: web.Request) -> bool:
        return request.headers.get("x-goog-api-key") in self._world.settings.keys[self.name]
