"""Replicate's JSON: predictions, problems, what a create request must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.fault import UnknownStatus
from storyjob.simulator.job import Job, JobState, Wish
from storyjob.simulator.vendors.replicate_models import shape_of, text_of, wish_of

_STATUS = {
    JobState.QUEUED: "starting",
    JobState.RUNNING: "processing",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.REFUSED: "failed",
    JobState.CANCELED: "canceled",
    JobState.ABORTED: "aborted",
}
_TITLES = {401: "Unauthenticated", 402: "Insufficient credit", 422: "Input validation failed"}
_EVENTS = frozenset({"start", "output", "logs", "completed"})
_DEFAULT_EVENTS = frozenset({"output", "completed"})
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
_EXTENSIONS = {StepKind.AUDIO: "mp3", StepKind.VIDEO: "mp4"}


def prediction(job: Job) -> dict[str, Any]:
    """Return a prediction as the API shows it, also in webhooks."""
    base = f"{job.base_url}/replicate/v1/predictions/{job.id}"
    model, _, version = job.wish.model.partition(":")
    return {
        "id": job.id,
        "model": model,
        "version": version or "hidden",
        "deployment": job.request["deployment"],
        "status": _status(job),
        "input": {} if job.removed else job.request["input"],
        "output": _output(job),
        "error": job.error,
        "logs": "" if job.removed else _logs(job),
        "metrics": _metrics(job),
        "data_removed": job.removed,
        "source": "api",
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "deadline": iso(job.deadline),
        "urls": {"get": base, "cancel": f"{base}/cancel", "web": f"{job.base_url}/p/{job.id}"},
    }


def problem(status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:
    """Return an RFC 7807 problem."""
    title = {"title": _TITLES[status]} if status in _TITLES else {}
    body = title | {"detail": detail, "status": status} | more
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


def read_wish(body: dict[str, Any] | None, model: str) -> Wish | web.Response:
    """Return what a create request wishes for, or why it cannot be taken."""
    if body is None:
        return problem(400, "The request body is not a JSON object.")
    given = body.get("input")
    if not isinstance(given, dict):
        return _invalid("input", "required", "input is required")
    events = body.get("webhook_events_filter")
    if events is not None and not (isinstance(events, list) and _EVENTS.issuperset(map(str, events))):
        return _invalid("webhook_events_filter", "enum", f"must be a list out of {', '.join(sorted(_EVENTS))}")
    if not model:
        return _invalid("version", "required", "version is required")
    needed = shape_of(model).asks_for
    if not text_of(given):
        return _invalid(f"input.{needed}", "required", f"{needed} is required")
    try:
        return wish_of(model, given)
    except ValueError as error:
        name, _, reason = str(error).partition(": ")
        return _invalid(f"input.{name}", "invalid", reason)


def model_of(request: web.Request, body: Mapping[str, Any]) -> str:
    """Return ``owner/name`` or ``owner/name:version``; a bare version stands for a model nobody named."""
    path = request.match_info
    if "owner" in path:
        return f"{path['owner']}/{path['name']}"
    version = body.get("version")
    if not isinstance(version, str) or not version:
        return ""
    return version if "/" in version else f"simulator/unnamed:{version}"


def deployment_of(request: web.Request) -> str | None:
    """Return the deployment a create request goes to."""
    path = request.match_info
    return f"{path['owner']}/{path['name']}" if "/deployments/" in request.path else None


def webhook_of(body: Mapping[str, Any]) -> str | None:
    """Return where webhooks go. ``webhook_completed`` is the old field that the 1.x client can still send."""
    url = body.get("webhook") or body.get("webhook_completed")
    return url if isinstance(url, str) else None


def wanted_events(body: Mapping[str, Any]) -> frozenset[str]:
    """Return which events the client asked to be told."""
    if not body.get("webhook"):
        return frozenset({"completed"})
    return frozenset(body.get("webhook_events_filter") or _DEFAULT_EVENTS)


def duration(text: str | None) -> float | None:
    """Return the seconds of ``Cancel-After``, such as ``90s`` or ``1h30m``. Raises ``ValueError``."""
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"Cancel-After: {text!r} is not a duration such as 90s")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def instant(text: str | None) -> str | None:
    """Return an ISO 8601 query parameter as ``created_at`` is written, to compare them. Raises ``ValueError``."""
    if text is None:
        return None
    # A "+" that the client forgot to quote arrives as a space.
    at = datetime.fromisoformat(text.replace(" ", "+"))
    return iso((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _invalid(field: str, kind: str, reason: str) -> web.Response:
    fields = [{"type": kind, "field": field, "description": reason}]
    return problem(422, f"- {field.removeprefix('input.')}: {reason}\n", invalid_fields=fields)


def _status(job: Job) -> str:
    fault = job.faults.get("unknown-status")
    if isinstance(fault, UnknownStatus) and not job.state.final:
        return fault.word
    return _STATUS[job.state]


def _output(job: Job) -> str | list[str] | None:
    if job.state is not JobState.SUCCEEDED or job.removed:
        return None
    extension = _EXTENSIONS.get(job.wish.kind, job.wish.format)
    links = [f"{job.base_url}/files/{key}/out-{n}.{extension}" for n, key in enumerate(job.outputs)]
    return links if shape_of(job.wish.model).as_list else links[0]


def _logs(job: Job) -> str:
    return f"Using seed: {job.wish.seed}\n" if job.started_at else ""


def _metrics(job: Job) -> dict[str, float]:
    if job.started_at is None or job.completed_at is None:
        return {}
    return {
        "predict_time": job.worked,
        "total_time": job.started_at - job.created_at + job.worked,
    }
