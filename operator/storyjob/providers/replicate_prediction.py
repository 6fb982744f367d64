"""Reads a Replicate prediction: how it stands, and what it made."""

from __future__ import annotations

import re
from dataclasses import replace

from storyjob.api.outcome import (
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Result,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.compute_time import compute_seconds
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.model_output import find_output

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def judge(prediction: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Return how the prediction stands, and how long it ran, which is what Replicate bills."""
    seen = _standing(prediction, step, secrets)
    seconds = compute_seconds(prediction.get("metrics"), "predict_time")
    result = replace(seen.result, compute_seconds=seconds) if seen.result else None
    return replace(seen, result=result, compute_seconds=seconds)


def _standing(prediction: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Statuses: https://replicate.com/docs/topics/predictions/lifecycle."""
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
