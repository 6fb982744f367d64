"""Reads a Runway task: how it stands, what it made, what it cost, why it failed."""

from __future__ import annotations

import re
from decimal import Decimal

from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Result, UrlOutput
from storyjob.providers.answers import Dialect, JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
CREDIT = Decimal("0.01")  # USD: https://docs.dev.runwayml.com/guides/pricing
_MAX_CREDITS = 10_000_000
_QUEUED = ("PENDING", "THROTTLED")
_NO_CREDITS = re.compile(r"\bcredits?\b", re.IGNORECASE)


def _words(document: JsonObject) -> str:
    issues = document.get("issues")
    found = [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    parts = [as_text(document.get("error") or ""), *(as_text(issue.get("message", "")) for issue in found)]
    return ": ".join(part for part in parts if part)


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    text = _words(document)
    if status in (400, 402, 403) and _NO_CREDITS.search(text):
        return FailureKind.QUOTA
    return FailureKind.REFUSED if status in (400, 422) and is_content_refusal(text) else None


DIALECT = Dialect("Runway", _words, _refine)


def has_not_begun(task: JsonObject) -> bool:
    """Return whether Runway says that nothing was made yet."""
    return task.get("status") in _QUEUED


def judge(task: JsonObject, secrets: tuple[str, ...]) -> Observation:
    """Return how the task stands. A THROTTLED one was taken: it waits for a place of the account's own limit."""
    match task.get("status"):
        case "PENDING" | "THROTTLED":
            return Observation(JobPhase.QUEUED)
        case "RUNNING":
            return Observation(JobPhase.RUNNING)
        case "SUCCEEDED":
            return _succeeded(task)
        case "FAILED":
            return _failed(task, secrets)
        case "CANCELLED":
            return Observation(JobPhase.CANCELED, message="Runway: the task was cancelled", cost=_cost(task))
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(JobPhase.RUNNING, message=f"Runway: unknown status {shown!r}, taken for running")


def _succeeded(task: JsonObject) -> Observation:
    output, cost = task.get("output"), _cost(task)
    first = output[0] if isinstance(output, list) and output else None
    if isinstance(first, str) and first.startswith(("https://", "http://")):
        return Observation(JobPhase.SUCCEEDED, result=Result(UrlOutput(first), cost))
    # Not Failed: the model would do the same again, and each time cost the same again.
    failure = Failure(FailureKind.INVALID, "Runway: the task succeeded but its output holds no link to a file")
    return Observation(JobPhase.FAILED, failure=failure, cost=cost)


def _failed(task: JsonObject, secrets: tuple[str, ...]) -> Observation:
    code, text = as_text(task.get("failureCode") or ""), as_text(task.get("failure") or "no reason given")
    message = clean(f"Runway: {text} ({code})" if code else f"Runway: {text}", secrets)
    return Observation(JobPhase.FAILED, failure=Failure(_kind(code, text), message), cost=_cost(task))


def _kind(code: str, text: str) -> FailureKind:
    """Return what a failure code means: https://docs.dev.runwayml.com/errors/task-failures."""
    parts = code.split(".")
    # SAFETY.INPUT.…, SAFETY.OUTPUT.…, INPUT_PREPROCESSING.SAFETY.…: "you should not retry these generations".
    if "SAFETY" in parts or (not code and is_content_refusal(text)):
        return FailureKind.REFUSED
    return FailureKind.INVALID if parts[0] == "ASSET" else FailureKind.FAILED


def _cost(task: JsonObject) -> Decimal | None:
    cost = task.get("cost")
    credits_ = cost.get("credits") if isinstance(cost, dict) else None
    if isinstance(credits_, bool) or not isinstance(credits_, int | float) or not 0 <= credits_ <= _MAX_CREDITS:
        return None
    return Decimal(str(credits_)) * CREDIT
