"""The Interactions API's JSON: errors, statuses, what a request for a picture or a clip must look like."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.job import Job, JobState, Wish

_CODES = {
    400: "invalid_request",
    401: "authentication",
    402: "payment_required",
    403: "permission_denied",
    404: "not_found",
    409: "aborted",
    416: "out_of_range",
    429: "rate_limit_exceeded",
    499: "cancelled",
    500: "api_error",
    501: "unimplemented",
    503: "service_unavailable",
    504: "deadline_exceeded",
}
_STATUSES = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "in_progress",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.REFUSED: "failed",
    JobState.CANCELED: "cancelled",
    JobState.ABORTED: "cancelled",
}
_KEYS = frozenset(
    {
        *("model", "input", "background", "store", "stream", "response_format", "generation_config", "labels"),
        *("system_instruction", "safety_settings", "service_tier", "previous_interaction_id", "webhook_config"),
    }
)
_ASPECTS = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:3": (4, 3), "3:4": (3, 4), "3:2": (3, 2), "2:3": (2, 3)}
_HEIGHTS = {"360p": 360, "720p": 720, "1080p": 1080, "4k": 2160}
_DURATION = re.compile(r"([0-9]{1,2})s")
_IMAGE_SIDE = 1024


def error(status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error as ``{"error": {"code", "message"}}`` (https://ai.google.dev/gemini-api/docs/api-errors)."""
    document = {"error": {"code": code or _CODES.get(status, "invalid_request"), "message": message}}
    return web.json_response(document, status=status, headers=headers)


def status_of(state: JobState) -> str:
    """Return the status word of an interaction."""
    return _STATUSES[state]


def webhook_of(body: Mapping[str, Any]) -> str | None:
    """Return where the end of this very interaction is to be told."""
    uris = _object(body, "webhook_config").get("uris")
    return uris[0] if isinstance(uris, list) and uris and isinstance(uris[0], str) else None


def event_of(job: Job) -> dict[str, Any]:
    """Return what a webhook says: what happened to which interaction, and nothing of what it made."""
    data = {"id": job.id}
    if job.state in (JobState.FAILED, JobState.REFUSED):
        data |= {"error_code": "api_error", "error_message": job.error or "An internal error occurred."}
    word = status_of(job.state)
    at = iso(job.completed_at or job.started_at or job.created_at)
    return {"type": f"interaction.{word}", "version": "v1", "timestamp": at, "data": data}


def file_id(key: str) -> str:
    """Return the name of a file, in the small letters that Google has."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def kind_of(body: Mapping[str, Any]) -> StepKind:
    """Return what is asked for: what the format says, or what the model makes."""
    wanted = _object(body, "response_format").get("type")
    return (
        StepKind.VIDEO if wanted == "video" or (wanted is None and "omni" in str(body.get("model"))) else StepKind.IMAGE
    )


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the words of the input."""
    given = body.get("input")
    if isinstance(given, str):
        return given
    return " ".join(str(item.get("text", "")) for item in _parts(body) if item.get("type") == "text")


def read_wish(body: dict[str, Any] | None) -> Wish | web.Response:
    """Return what an interaction wishes for, or why it cannot be taken."""
    if body is None:
        return error(400, "The request is not a JSON object.")
    unknown = sorted(set(body) - _KEYS)
    if unknown:
        return error(400, f"Unknown parameter '{unknown[0]}'.", "parameter_unknown")
    wanted, kind = _object(body, "response_format"), kind_of(body)
    if not isinstance(body.get("model"), str) or not body["model"]:
        return error(400, "model is required.")
    if not prompt_of(body):
        return error(400, "input is required.")
    if webhook_of(body) and not body.get("background"):
        return error(400, "background=true is required for webhook_config.")
    if body.get("store") is False and (body.get("background") or wanted.get("delivery") == "uri"):
        return error(400, "store=true is required for background and for URI delivery.")
    try:
        width, height = _size(wanted, kind)
        return Wish(
            vendor="gemini",
            kind=kind,
            model=body["model"],
            text=prompt_of(body),
            seed=int(_object(body, "generation_config").get("seed") or 0),
            width=width,
            height=height,
            seconds=_seconds(wanted),
            format="mp4" if kind is StepKind.VIDEO else "png",
            sound=kind is StepKind.VIDEO,
            still=_still(body),
        )
    except ValueError as problem:
        return error(400, str(problem))


def _size(wanted: Mapping[str, Any], kind: StepKind) -> tuple[int, int]:
    aspect = _ASPECTS.get(wanted.get("aspect_ratio") or "16:9")
    short = _HEIGHTS.get(wanted.get("resolution") or "720p") if kind is StepKind.VIDEO else _IMAGE_SIDE
    if aspect is None or short is None:
        raise ValueError("The value of 'response_format.aspect_ratio' or 'resolution' is not supported.")
    across, down = aspect
    scale = short / min(across, down)
    return round(across * scale / 2) * 2, round(down * scale / 2) * 2


def _seconds(wanted: Mapping[str, Any]) -> float:
    found = _DURATION.fullmatch(str(wanted.get("duration") or "8s"))
    if found is None or not 1 <= int(found[1]) <= 15:
        raise ValueError("'response_format.duration' must be from 1s to 15s.")
    return float(found[1])


def _still(body: Mapping[str, Any]) -> bytes | None:
    for item in _parts(body):
        if item.get("type") == "image" and "data" in item:
            try:
                return base64.b64decode(str(item["data"]), validate=True)
            except binascii.Error as problem:
                raise ValueError("The data of an image is not base64.") from problem
    return None


def _parts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the contents of the input, which may stand alone or inside a step of type ``user_input``."""
    given = body.get("input")
    items = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    inside = [item["content"] for item in items if isinstance(item.get("content"), list)]
    return [part for part in [*items, *(part for parts in inside for part in parts)] if isinstance(part, dict)]


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}
