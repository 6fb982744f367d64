"""The JSON of Black Forest Labs: tasks, errors, what a request must look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.fault import UnknownStatus
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.settings import price

MODELS = ("flux-2-pro", "flux-2-flex", "flux-2-max", "flux-kontext-pro", "flux-pro-1.1", "flux-dev")
_STATUS = {
    JobState.QUEUED: "Pending",
    JobState.RUNNING: "Pending",
    JobState.SUCCEEDED: "Ready",
    JobState.FAILED: "Error",
    JobState.REFUSED: "Content Moderated",
    JobState.CANCELED: "Error",
    JobState.ABORTED: "Error",
}
_FORMATS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_SIDES = range(64, 2049)
_CREDITS = 100  # for one USD


def accepted(job: Job) -> dict[str, Any]:
    """Return the answer to a request without a webhook (``AsyncResponse``)."""
    url = f"{job.base_url}/bfl/v1/get_result?id={job.id}"
    return {"id": job.id, "polling_url": url, "cost": float(price(job.wish.kind, job.wish.text) * _CREDITS)}


def task(job: Job) -> dict[str, Any]:
    """Return a task as ``get_result`` shows it (``ResultResponse``)."""
    fault = job.faults.get("unknown-status")
    status = fault.word if isinstance(fault, UnknownStatus) and not job.state.final else _STATUS[job.state]
    shown: dict[str, Any] = {"id": job.id, "status": status, "result": None, "progress": None, "details": None}
    if job.state is JobState.SUCCEEDED:
        sample = f"{job.base_url}/files/{job.outputs[0]}/sample.{job.wish.format}"
        shown["result"] = {"sample": sample, "prompt": job.wish.text, "seed": job.wish.seed}
    elif job.state is JobState.REFUSED:
        shown["details"] = {"Moderation Reasons": [job.error or "Derivative Works Filter"]}
    elif job.state.final:
        shown["details"] = {"error": job.error or "Task failed"}
    return shown


def unknown_task(job_id: str) -> web.Response:
    """Return the answer about a task that nobody knows."""
    return web.json_response({"id": job_id, "status": "Task not found", "result": None}, status=404)


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error."""
    return web.json_response({"detail": detail}, status=status, headers=headers)


def invalid(problem: str) -> web.Response:
    """Return an error about one part of the body, given as ``name: reason``."""
    name, _, reason = problem.partition(": ")
    return web.json_response({"detail": [{"loc": ["body", name], "msg": reason, "type": "value_error"}]}, status=422)


def text_of(body: Mapping[str, Any]) -> str:
    """Return the prompt."""
    text = body.get("prompt")
    return text if isinstance(text, str) else ""


def wish_of(model: str, body: Mapping[str, Any]) -> Wish:
    """Return what a request wishes for. Raises ``ValueError`` naming the part that cannot work."""
    if not text_of(body):
        raise ValueError("prompt: Field required")
    if body.get("output_format", "jpeg") not in _FORMATS:
        raise ValueError(f"output_format: Input should be one of {', '.join(_FORMATS)}")
    return Wish(
        vendor="bfl",
        kind=StepKind.IMAGE,
        model=model,
        text=text_of(body),
        seed=_whole(body, "seed", 0, range(2**32)),
        width=_whole(body, "width", 1024, _SIDES),
        height=_whole(body, "height", 768, _SIDES),
        format=_FORMATS[str(body.get("output_format", "jpeg"))],
    )


def _whole(body: Mapping[str, Any], name: str, default: int, allowed: range) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise ValueError(f"{name}: Input should be from {allowed[0]} to {allowed[-1]}")
    return value
