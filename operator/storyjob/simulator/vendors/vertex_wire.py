"""Vertex' JSON: errors, what a Veo request must look like."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.fault import Status
from storyjob.simulator.job import Job, Wish

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MODELS = (
    "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model:[^:/]+}",
    "/v1beta1/publishers/google/models/{model:[^:/]+}",
)
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_HEIGHTS = {"720p": 720, "1080p": 1080}
_SECONDS = range(1, 61)


def error(status: int, message: str, word: str | None = None, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error as Google's APIs write it."""
    name = word or _STATUS.get(status, "UNKNOWN")
    body = {"error": {"code": status, "message": message, "status": name}}
    return web.json_response(body, status=status, headers=headers)


def model_routes(verb: str, handler: Handler) -> list[web.RouteDef]:
    """Return the routes of a model's verb: with a project, and without one for an API key."""
    return [web.post(f"{path}:{verb}", handler) for path in _MODELS]


def failure(fault: Status) -> web.Response:
    """Return the error of a fault script as Google's APIs write it."""
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:.0f}"}
    return error(fault.status, fault.message or "The request could not be served.", fault.code, headers)


def unauthenticated() -> web.Response:
    """Return what a wrong key or token gets."""
    return error(401, "Request had invalid authentication credentials.")


def is_authorized(request: web.Request, keys: Collection[str]) -> bool:
    """Tell whether a request has one of the API keys or anything that looks like an access token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("x-goog-api-key") in keys or (scheme == "Bearer" and token.startswith("ya29."))


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the prompt, or nothing where there is none."""
    prompt = _instance(body).get("prompt")
    return prompt if isinstance(prompt, str) else ""


def read_wish(model: str, body: dict[str, Any] | None) -> Wish | web.Response:
    """Return what a request wishes for, or why it cannot be taken."""
    if body is None or not _instance(body):
        return error(400, "instances must hold one object.")
    parameters = body.get("parameters") or {}
    try:
        still = _still(_instance(body))
        if still is None and not prompt_of(body):
            return error(400, "The prompt or the image is required.")
        width, height = _size(parameters)
        return Wish(
            vendor="vertex",
            kind=StepKind.VIDEO,
            model=model,
            text=prompt_of(body),
            seed=whole(parameters, "seed", 0, range(2**32)),
            width=width,
            height=height,
            seconds=float(whole(parameters, "durationSeconds", 8, _SECONDS)),
            format="mp4",
            count=whole(parameters, "sampleCount", 1, range(1, 5)),
            sound=bool(parameters.get("generateAudio", model.startswith("veo-3"))),
            still=still,
        )
    except ValueError as problem:
        return error(400, str(problem))


def clip_uris(job: Job) -> list[str]:
    """Return where Veo wrote a job's clips; nothing when they come in the answer."""
    if not job.request.get("storage"):
        return []
    prefix = f"{str(job.request['storage']).rstrip('/')}/{job.id.rpartition('/')[2]}"
    return [f"{prefix}/sample_{number}.mp4" for number, _ in enumerate(job.outputs)]


def _instance(body: Mapping[str, Any]) -> Mapping[str, Any]:
    instances = body.get("instances")
    if isinstance(instances, list) and len(instances) == 1 and isinstance(instances[0], dict):
        return instances[0]
    return {}


def _still(instance: Mapping[str, Any]) -> bytes | None:
    image = instance.get("image")
    if not isinstance(image, dict) or "bytesBase64Encoded" not in image:
        return None
    if not image.get("mimeType"):
        raise ValueError("image.mimeType is required.")
    try:
        return base64.b64decode(str(image["bytesBase64Encoded"]), validate=True)
    except binascii.Error as problem:
        raise ValueError("image.bytesBase64Encoded is not base64.") from problem


def _size(parameters: Mapping[str, Any]) -> tuple[int, int]:
    resolution = str(parameters.get("resolution") or "720p")
    if resolution not in _HEIGHTS:
        raise ValueError(f"resolution {resolution} is not supported; use {' or '.join(_HEIGHTS)}.")
    short = _HEIGHTS[resolution]
    match parameters.get("aspectRatio") or "16:9":
        case "16:9":
            return short * 16 // 9, short
        case "9:16":
            return short, short * 16 // 9
        case other:
            raise ValueError(f"aspectRatio {other} is not supported; use 16:9 or 9:16.")


def whole(parameters: Mapping[str, Any], name: str, default: int, allowed: range) -> int:
    """Return a whole number within its bounds. Raises ``ValueError`` naming it."""
    value = parameters.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
        raise ValueError(f"{name} must be an integer from {allowed[0]} to {allowed[-1]}.")
    return value
