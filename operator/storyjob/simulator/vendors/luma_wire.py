"""Luma's JSON: generations, errors, what a request must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.fault import UnknownStatus
from storyjob.simulator.job import Job, JobState, Wish

MODELS = {
    StepKind.VIDEO: ("ray-2", "ray-flash-2"),
    StepKind.IMAGE: ("photon-1", "photon-flash-1"),
}
_STATE = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "dreaming",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.REFUSED: "failed",
    JobState.CANCELED: "failed",
    JobState.ABORTED: "failed",
}
_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21")
_FORMATS = ("jpg", "png")
_SHORT_SIDES = {"540p": 540, "720p": 720, "1080p": 1080}
_SECONDS = re.compile(r"([1-9][0-9]?)s")
_PIXELS = 1_048_576


def generation(job: Job) -> dict[str, Any]:
    """Return a generation as the API shows it, also in callbacks."""
    fault = job.faults.get("unknown-status")
    state = fault.word if isinstance(fault, UnknownStatus) and not job.state.final else _STATE[job.state]
    return {
        "id": job.id,
        "generation_type": job.wish.kind.value,
        "state": state,
        "failure_reason": job.error,
        "created_at": iso(job.created_at),
        "assets": _assets(job),
        "model": job.wish.model,
        "request": dict(job.request),
    }


def error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error."""
    return web.json_response({"detail": detail}, status=status, headers=headers)


def text_of(body: Mapping[str, Any]) -> str:
    """Return the prompt."""
    text = body.get("prompt")
    return text if isinstance(text, str) else ""


def wish_of(kind: StepKind, body: Mapping[str, Any]) -> Wish:
    """Return what a request wishes for. Raises ``ValueError`` with Luma's words."""
    if body.get("model") not in MODELS[kind]:
        raise ValueError(f"model must be one of {', '.join(MODELS[kind])}")
    if body.get("format", "jpg") not in _FORMATS:
        raise ValueError(f"format must be one of {', '.join(_FORMATS)}")
    still = _still(body.get("keyframes"))
    if not text_of(body) and still is None:
        raise ValueError("prompt is required")
    width, height = _size(kind, body)
    return Wish(
        vendor="luma",
        kind=kind,
        model=str(body["model"]),
        text=text_of(body),
        width=width,
        height=height,
        seconds=_seconds(body.get("duration", "5s")),
        format="mp4" if kind is StepKind.VIDEO else str(body.get("format", "jpg")),
        follow_still="aspect_ratio" not in body,
        still_url=still,
    )


def _assets(job: Job) -> dict[str, str] | None:
    if job.state is not JobState.SUCCEEDED or job.removed:
        return None
    extension = "mp4" if job.wish.kind is StepKind.VIDEO else job.wish.format
    return {job.wish.kind.value: f"{job.base_url}/files/{job.outputs[0]}/output.{extension}"}


def _still(keyframes: object) -> str | None:
    frame = keyframes.get("frame0") if isinstance(keyframes, dict) else None
    if frame is None:
        return None
    url = frame.get("url") if isinstance(frame, dict) and frame.get("type") == "image" else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ValueError("keyframes.frame0 must be an image with a URL")
    return url


def _size(kind: StepKind, body: Mapping[str, Any]) -> tuple[int, int]:
    ratio = str(body.get("aspect_ratio", "16:9"))
    if ratio not in _RATIOS:
        raise ValueError(f"aspect_ratio must be one of {', '.join(_RATIOS)}")
    across, down = (int(part) for part in ratio.split(":"))
    resolution = str(body.get("resolution", "720p"))
    if kind is StepKind.VIDEO and resolution not in _SHORT_SIDES:
        raise ValueError(f"resolution must be one of {', '.join(_SHORT_SIDES)}")
    short = _SHORT_SIDES.get(resolution, 720)
    scale = short / min(across, down) if kind is StepKind.VIDEO else (_PIXELS / (across * down)) ** 0.5
    return _even(across * scale), _even(down * scale)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _seconds(duration: object) -> float:
    match = _SECONDS.fullmatch(str(duration))
    if match is None:
        raise ValueError("duration must be seconds such as 5s")
    return float(match[1])
