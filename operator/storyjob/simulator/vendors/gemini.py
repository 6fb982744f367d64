"""Google's Interactions API (https://ai.google.dev/api/interactions-api) and the files that its clips are in."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status, UnknownStatus
from storyjob.simulator.job import Job, JobState
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.gemini_wire import error, file_id, kind_of, prompt_of, read_wish, status_of
from storyjob.simulator.world import Order, World, subject_of

_VERSIONS = ("/v1", "/v1beta")
_NOT_SEEN = "You do not have permission to access the File {name} or it may not exist."


class Gemini:
    """Speaks as https://generativelanguage.googleapis.com."""

    name = "gemini"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, each under both versions of the API."""
        return [
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
            base_url = self._world.settings.public_url or f"{request.scheme}://{request.host}"
            job = self._world.submit(
                Order(f"v1_{secrets.token_urlsafe(32)}", wish, base_url=base_url, request=body or {}), entry
            )
            if not (body or {}).get("background"):
                await job.finished.wait()
            return web.json_response(self._interaction(job))

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, entry.subject, entry), act)

    def _write_down(self, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, kind_of(body), str(body.get("model") or ""), prompt_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest(body)
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
