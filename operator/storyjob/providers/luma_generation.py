"""Reads a Luma generation: how it stands, what it made, why it failed."""

from __future__ import annotations

import re

from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Result, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.answers import Dialect, JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.fastapi_error import words

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NO_CREDITS = re.compile(r"\bcredits?\b", re.IGNORECASE)


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    text = words(document)
    if status in (400, 402, 403) and _NO_CREDITS.search(text):
        return FailureKind.QUOTA
    return FailureKind.REFUSED if status in (400, 422) and is_content_refusal(text) else None


DIALECT = Dialect("Luma", words, _refine)


def judge(generation: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Return how the generation stands (states: lumaai, `Generation.state`)."""
    match generation.get("state"):
        case "queued":
            return Observation(JobPhase.QUEUED)
        case "dreaming":
            return Observation(JobPhase.RUNNING)
        case "completed":
            return _completed(generation, step)
        case "failed":
            text = as_text(generation.get("failure_reason") or "no reason given")
            kind = FailureKind.REFUSED if is_content_refusal(text) else FailureKind.FAILED
            return _failed(kind, clean(f"Luma: {text}", secrets))
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(JobPhase.RUNNING, message=f"Luma: unknown state {shown!r}, taken for running")


def _completed(generation: JsonObject, step: StepKind) -> Observation:
    assets = generation.get("assets")
    link = assets.get(step.value) if isinstance(assets, dict) else None
    if isinstance(link, str) and link.startswith(("https://", "http://")):
        return Observation(JobPhase.SUCCEEDED, result=Result(UrlOutput(link)))
    # Not Failed: the model would do the same again, and each time cost the same again.
    return _failed(FailureKind.INVALID, f"Luma: the generation completed but has no {step.value} among its assets")


def _failed(kind: FailureKind, message: str) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, message))
