"""Runway's JSON: tasks, errors, what a request must look like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.fault import UnknownStatus
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.settings import price

VERSION = "2024-11-06"
_DOCS = "https://docs.dev.runwayml.com/api"
_CREDITS = 100  # for one USD
_STATUS = {
    JobState.QUEUED: "PENDING",
    JobState.RUNNING: "RUNNING",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.FAILED: "FAILED",
    JobState.REFUSED: "FAILED",
    JobState.CANCELED: "CANCELLED",
    JobState.ABORTED: "CANCELLED",
}
_CODES = {JobState.FAILED: "INTERNAL.BAD_OUTPUT.CODE01", JobState.REFUSED: "SAFETY.INPUT.TEXT"}
_MAX_TEXT = 1000
_SIDES = range(64, 4097)


def accepted(job: Job) -> dict[str, Any]:
    """Return the answer to a create request."""
    return {"id": job.id, "estimatedCost": _estimate(job)}


def task(job: Job) -> dict[str, Any]:
    """Return a task as ``GET /v1/tasks/{id}`` shows it."""
    shown: dict[str, Any] = {"id": job.id, "createdAt": iso(job.created_at), "status": _status(job)}
    if not job.state.final:
        return shown | {"estimatedCost": _estimate(job)} | ({"progress": 0.5} if job.state is JobState.RUNNING else {})
    shown["cost"] = {"credits": math.ceil(job.charged * _CREDITS)}
    if job.state is JobState.SUCCEEDED:
        extension = "mp4" if job.wish.kind is StepKind.VIDEO else job.wish.format
        shown["output"] = [f"{job.base_url}/files/{key}/output.{extension}" for key in job.outputs]
    elif job.state in _CODES:
        shown |= {"failure": job.error or "An unexpected error occurred.", "failureCode": _CODES[job.state]}
    return shown


def error(status: int, text: str, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """Return an error."""
    return web.json_response({"error": text, **more}, status=status, headers=headers)


def invalid(problem: str) -> web.Response:
    """Return an error about one part of the body, given as ``name: reason``."""
    name, _, reason = problem.partition(": ")
    issues = [{"code": "custom", "path": [name], "message": reason}]
    return error(400, "Validation of body failed", issues=issues, docUrl=_DOCS)


def text_of(body: Mapping[str, Any]) -> str:
    """Return the prompt."""
    text = body.get("promptText")
    return text if isinstance(text, str) else ""


def wish_of(kind: StepKind, body: Mapping[str, Any], *, from_still: bool) -> Wish:
    """Return what a request wishes for. Raises ``ValueError`` naming the part that cannot work."""
    still = body.get("promptImage")
    if from_still and not (isinstance(still, str) and still.startswith(("https://", "http://", "data:image/"))):
        raise ValueError("promptImage: must be an HTTPS URL, a Runway upload URI or a base64 data URI")
    if not text_of(body) or len(text_of(body)) > _MAX_TEXT:
        raise ValueError(f"promptText: must have 1 to {_MAX_TEXT} characters")
    if not isinstance(body.get("model"), str):
        raise ValueError("model: Required")
    width, height = _size(body.get("ratio"))
    return Wish(
        vendor="runway",
        kind=kind,
        model=str(body["model"]),
        text=text_of(body),
        seed=_whole(body, "seed", 0, range(2**32)),
        width=width,
        height=height,
        seconds=float(_whole(body, "duration", 5, range(2, 11))),
        format="mp4" if kind is StepKind.VIDEO else "png",
        still_url=still if from_still else None,
    )


def _size(ratio: object) -> tuple[int, int]:
    width, _, height = str(ratio).partition(":")
    if not (width.isdigit() and height.isdigit() and int(width) in _SIDES and int(height) in _SIDES):
        raise ValueError("ratio: must be a resolution such as 1280:720")
    return int(width), int(height)


def _whole(body: Mapping[str, Any], name: str, default: int, allowed: range) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise ValueError(f"{name}: must be an integer from {allowed[0]} to {allowed[-1]}")
    return value


def _status(job: Job) -> str:
    fault = job.faults.get("unknown-status")
    return fault.word if isinstance(fault, UnknownStatus) and not job.state.final else _STATUS[job.state]


def _estimate(job: Job) -> dict[str, int]:
    return {"credits": math.ceil(price(job.wish.kind, job.wish.text) * _CREDITS)}
