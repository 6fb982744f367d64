"""Vertex AI's Imagen (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api)."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange, read_object
from storyjob.simulator.fault import ExpiredLink, Route, Status
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.ledger import digest
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.vertex_wire import (
    error,
    failure,
    is_authorized,
    model_routes,
    prompt_of,
    unauthenticated,
    whole,
)
from storyjob.simulator.world import Order, World, subject_of

_SIZES = {"1:1": (1024, 1024), "3:4": (896, 1280), "4:3": (1280, 896), "9:16": (768, 1408), "16:9": (1408, 768)}
_FORMATS = {"image/png": "png", "image/jpeg": "jpg"}
_FILTERED = "Unable to show generated images: {why} Support codes: 56562880"


class Imagen:
    """Draws while the client waits. Has its place among the endpoints of Vertex AI."""

    name = "vertex"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the one endpoint, with and without a project."""
        return model_routes("predict", self._predict)

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"code", "message", "status"}}``."""
        return failure(fault)

    async def _predict(self, request: web.Request) -> web.StreamResponse:
        body, model = await read_object(request), request.match_info["model"]
        subject = Subject(self.name, StepKind.IMAGE, model, prompt_of(body or {}))
        entry = self._world.ledger.open(subject, self._world.clock.now())
        entry.input_sha256 = digest({key: (body or {}).get(key) for key in ("instances", "parameters")})
        if not is_authorized(request, self._world.settings.keys[self.name]):
            entry.outcome = "rejected 401"
            return unauthenticated()

        async def act() -> web.StreamResponse:
            wish = _read_wish(model, body)
            if isinstance(wish, web.Response):
                return wish
            parameters = (body or {}).get("parameters") or {}
            job = self._world.submit(Order(uuid.uuid4().hex, wish, base_url="", request=parameters), entry)
            await job.finished.wait()
            return self._answer(job)

        return await exchange(request, self, self._world.faults, Visit(Route.SUBMIT, subject, entry), act)

    def _answer(self, job: Job) -> web.Response:
        if job.state is JobState.REFUSED:
            reasons = [{"raiFilteredReason": _FILTERED.format(why=job.error)}]
            # Without being asked for reasons, Google leaves the pictures out and says nothing.
            return web.json_response({"predictions": reasons} if job.request.get("includeRaiReason") else {})
        if job.state is not JobState.SUCCEEDED:
            return error(500, job.error or "Internal error.")
        predictions = []
        for key in job.outputs:
            stored = self._world.files.find(key)
            fault = self._world.faults.media(subject_of(job))
            if stored is None or isinstance(fault, ExpiredLink):
                return error(500, "Internal error.")
            data = base64.b64encode(spoil(stored.path.read_bytes(), fault)).decode()
            predictions.append({"bytesBase64Encoded": data, "mimeType": stored.content_type})
        return web.json_response({"predictions": predictions})


def _read_wish(model: str, body: dict[str, Any] | None) -> Wish | web.Response:
    parameters = (body or {}).get("parameters") or {}
    options = parameters.get("outputOptions") or {}
    width, height = _SIZES.get(parameters.get("aspectRatio") or "1:1", (0, 0))
    file_format = _FORMATS.get(options.get("mimeType") or "image/png")
    if body is None or not prompt_of(body):
        return error(400, "instances must hold one object with a prompt.")
    if not width or file_format is None:
        return error(400, f"aspectRatio must be one of {', '.join(_SIZES)}, mimeType one of {', '.join(_FORMATS)}.")
    if parameters.get("seed") is not None and parameters.get("addWatermark") is not False:
        return error(400, "Seed is not supported when watermark is enabled.")
    try:
        return Wish(
            vendor="vertex",
            kind=StepKind.IMAGE,
            model=model,
            text=prompt_of(body),
            seed=whole(parameters, "seed", 0, range(2**32)),
            width=width,
            height=height,
            format=file_format,
            count=whole(parameters, "sampleCount", 1, range(1, 5)),
        )
    except ValueError as problem:
        return error(400, str(problem))
