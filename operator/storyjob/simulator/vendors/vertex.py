"""Vertex AI: Veo (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/veo-video-generation)."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status, UnknownStatus
from storyjob.simulator.job import Job, JobState
from storyjob.simulator.ledger import Entry, digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.vertex_imagen import Imagen
from storyjob.simulator.vendors.vertex_wire import (
    clip_uris,
    error,
    failure,
    is_authorized,
    model_routes,
    prompt_of,
    read_wish,
    unauthenticated,
)
from storyjob.simulator.world import Order, World, subject_of

_FILTERED = "Veo could not generate videos because of its safety filters: {why} Support codes: 58061214"
_INTERNAL = 13  # google.rpc.Code


class Vertex:
    """Speaks as https://aiplatform.googleapis.com, with a project's path or with an API key alone."""

    name = "vertex"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, each with and without a project."""
        return [
            *model_routes("predictLongRunning", self._submit),
            *model_routes("fetchPredictOperation", self._fetch),
            *Imagen(self._world).routes(),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"code", "message", "status"}}``."""
        return failure(fault)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        body = await read_object(request)
        entry = self._write_down(request, body or {})
        if not self._authorized(request):
            entry.outcome = "rejected 401"
            return unauthenticated()

        async def act() -> web.StreamResponse:
            wish = read_wish(request.match_info["model"], body)
            if isinstance(wish, web.Response):
                return wish
            parameters = (body or {}).get("parameters") or {}
            order = Order(
                job_id=f"{_resource(request)}/operations/{uuid.uuid4()}",
                wish=wish,
                base_url="",
                request={"storage": parameters.get("storageUri")},
            )
            return web.json_response({"name": self._world.submit(order, entry).id})

        visit = Visit(Route.SUBMIT, entry.subject, entry)
        return await exchange(request, self, self._world.faults, visit, act)

    def _write_down(self, request: web.Request, body: dict[str, Any]) -> Entry:
        subject = Subject(self.name, StepKind.VIDEO, request.match_info["model"], prompt_of(body))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest({key: body.get(key) for key in ("instances", "parameters")})
        return entry

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return unauthenticated()
        body = await read_object(request)
        name = (body or {}).get("operationName")
        if not isinstance(name, str):
            return error(400, "operationName is required.")
        job = self._world.find(self.name, name)
        if job is None or not name.startswith(f"{_resource(request)}/"):
            return error(404, f"Operation {name} was not found.")
        found = job

        async def act() -> web.StreamResponse:
            found.polls += 1
            return web.json_response(self._operation(found))

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, subject_of(job)), act)

    def _operation(self, job: Job) -> dict[str, Any]:
        match job.state:
            case JobState.QUEUED | JobState.RUNNING:
                fault = job.faults.get("unknown-status")
                # An operation has no status word; the nearest is metadata that no client knows.
                return {"name": job.id} | (
                    {"metadata": {"state": fault.word}} if isinstance(fault, UnknownStatus) else {}
                )
            case JobState.REFUSED:
                reasons = [_FILTERED.format(why=job.error)]
                response = {"raiMediaFilteredCount": job.wish.count, "raiMediaFilteredReasons": reasons}
                return {"name": job.id, "done": True, "response": response}
            case JobState.SUCCEEDED if not job.removed:
                videos = self._videos(job)
                if videos is not None:
                    return {"name": job.id, "done": True, "response": {"videos": videos}}
        return {"name": job.id, "done": True, "error": {"code": _INTERNAL, "message": job.error or "Internal error."}}

    def _videos(self, job: Job) -> list[dict[str, str]] | None:
        """Return the clips as base64, or as links into the bucket the client named; None when they are gone."""
        if job.request["storage"]:
            return [{"gcsUri": uri, "mimeType": "video/mp4"} for uri in clip_uris(job)]
        clips = []
        for key in job.outputs:
            stored = self._world.files.find(key)
            fault = self._world.faults.media(subject_of(job))
            if stored is None or isinstance(fault, ExpiredLink):
                return None
            data = spoil(stored.path.read_bytes(), fault)
            clips.append({"bytesBase64Encoded": base64.b64encode(data).decode(), "mimeType": "video/mp4"})
        return clips

    def _authorized(self, request: web.Request) -> bool:
        return is_authorized(request, self._world.settings.keys[self.name])


def _resource(request: web.Request) -> str:
    """Return the model's resource name as it stands in the path."""
    return request.path.partition("/v1beta1/")[2].rpartition(":")[0]
