"""Reads a Replicate prediction: how it stands, and where in its output, of any shape, the media is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from storyjob.api.outcome import (
    BytesOutput,
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Output,
    Result,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+?)*?(?P<base64>;base64)?,(?P<data>.*)", re.DOTALL)
_DEPTH = 8


def judge(prediction: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Return how the prediction stands. Statuses: https://replicate.com/docs/topics/predictions/lifecycle."""
    match prediction.get("status"):
        case "starting":
            return Observation(JobPhase.QUEUED)
        case "processing":
            return Observation(JobPhase.RUNNING)
        case "succeeded":
            return _succeeded(prediction, step)
        case "failed":
            return _failed(prediction, secrets)
        case "canceled":
            return Observation(JobPhase.CANCELED, message="Replicate: canceled, or its deadline passed while it ran")
        case "aborted":
            return _failure(FailureKind.FAILED, "Replicate: the deadline passed before it began; it is not charged")
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(JobPhase.RUNNING, message=f"Replicate: unknown status {shown!r}, taken for running")


def find_output(output: Any, step: StepKind) -> Output | None:
    """Return the media of a prediction's output: a string, the first of a list, or the likeliest in an object."""
    for text in _strings(output, step, _DEPTH):
        if text.startswith(("https://", "http://")):
            return UrlOutput(text)
        if text.startswith("data:") and (data := _bytes(text)):
            return data
    return None


def _succeeded(prediction: JsonObject, step: StepKind) -> Observation:
    output = prediction.get("output")
    media = find_output(output, step)
    if media is not None:
        return Observation(JobPhase.SUCCEEDED, result=Result(media))
    if output is None and prediction.get("data_removed"):
        message = "Replicate deleted the output, as it does an hour after the end"
        return Observation(JobPhase.GONE, message=message)
    # Not Failed: the model would do the same again, and each time cost the same again.
    return _failure(
        FailureKind.INVALID,
        "Replicate: the prediction succeeded but its output holds no file; use a model that makes one",
    )


def _failed(prediction: JsonObject, secrets: tuple[str, ...]) -> Observation:
    error = prediction.get("error")
    text = as_text(error) if error else "no reason given"
    kind = FailureKind.REFUSED if is_content_refusal(text) else FailureKind.FAILED
    return _failure(kind, clean(f"Replicate: {text}", secrets))


def _failure(kind: FailureKind, message: str) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, message))


def _strings(value: Any, step: StepKind, depth: int) -> Iterator[str]:
    """Yield every string, likeliest first, in an order that depends on nothing but the value."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list):
        for item in value:
            yield from _strings(item, step, depth - 1)
    elif depth and isinstance(value, dict):
        likely = (step.value, "output", "url", "file", f"{step.value}s")
        for key in sorted(value, key=lambda key: (likely.index(key) if key in likely else len(likely), key)):
            yield from _strings(value[key], step, depth - 1)


def _bytes(url: str) -> BytesOutput | None:
    found = _DATA_URL.fullmatch(url)
    if not found:
        return None
    try:
        raw = found["data"]
        data = base64.b64decode(raw, validate=True) if found["base64"] else unquote_to_bytes(raw)
    except (binascii.Error, ValueError):
        return None
    return BytesOutput(data, found["type"] or "application/octet-stream") if data else None
