"""Reads a task of Black Forest Labs: where to ask about it, how it stands, what it made, what it cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Result, UrlOutput
from storyjob.egress import origin
from storyjob.providers.answers import Dialect, JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.fastapi_error import words

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
CREDIT = Decimal("0.01")  # USD: https://bfl.ai/pricing/api
OWN_DOMAIN = ".bfl.ai"
_MAX_URL = 1024  # what a Scene's status keeps of one handle
_CREDITS = re.compile(r"[0-9]{1,7}(\.[0-9]{1,6})?")


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    return FailureKind.REFUSED if status in (400, 422) and is_content_refusal(words(document)) else None


DIALECT = Dialect("Black Forest Labs", words, _refine)


def handles_of(document: JsonObject) -> dict[str, str]:
    """Return where the task is to be asked about and what it costs, as the answer to its request tells them."""
    url, credits_ = document.get("polling_url"), str(document.get("cost"))
    found = {"polling_url": url} if isinstance(url, str) and 0 < len(url) <= _MAX_URL else {}
    return found | ({"credits": credits_} if _CREDITS.fullmatch(credits_) else {})


def polling_url(handles: Mapping[str, str], job_id: str, endpoint: str) -> str:
    """Return where a task is asked about: at the address given for it, if it may have the key, else at the endpoint.

    Only the region that took a task knows it, and the address names that region.
    """
    given = handles.get("polling_url", "")
    if _may_have_the_key(given, endpoint) and parse_qs(urlsplit(given).query).get("id") == [job_id]:
        return given
    return f"{endpoint}/v1/get_result?id={job_id}"


def _may_have_the_key(url: str, endpoint: str) -> bool:
    try:
        if origin(url) == origin(endpoint):
            return True
    except InvalidInput:
        return False
    ours, given = urlsplit(endpoint), urlsplit(url)
    regional = all((one.hostname or "").endswith(OWN_DOMAIN) for one in (ours, given))
    return regional and given.scheme == "https" and given.port in (None, 443)


def judge(task: JsonObject, handles: Mapping[str, str], secrets: tuple[str, ...]) -> Observation:
    """Return how the task stands (https://docs.bfl.ai/api-reference/utility/get-result, ``StatusResponse``)."""
    match task.get("status"):
        case "Pending":
            return Observation(JobPhase.RUNNING)
        case "Ready":
            return _ready(task, handles)
        case "Request Moderated" | "Content Moderated" as status:
            return _failed(FailureKind.REFUSED, f"{status}: {_details(task)}", secrets)
        case "Error":
            return _failed(FailureKind.FAILED, _details(task), secrets)
        case "Task not found":
            return Observation(JobPhase.GONE, message="Black Forest Labs no longer knows the task")
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(
                JobPhase.RUNNING, message=f"Black Forest Labs: unknown status {shown!r}, taken for running"
            )


def _ready(task: JsonObject, handles: Mapping[str, str]) -> Observation:
    result = task.get("result")
    sample = result.get("sample") if isinstance(result, dict) else None
    credits_ = handles.get("credits", "")
    cost = Decimal(credits_) * CREDIT if _CREDITS.fullmatch(credits_) else None
    if isinstance(sample, str) and sample.startswith(("https://", "http://")):
        return Observation(JobPhase.SUCCEEDED, result=Result(UrlOutput(sample), cost))
    # Not Failed: the model would do the same again, and each time cost the same again.
    failure = Failure(FailureKind.INVALID, "Black Forest Labs: the task is ready but its result holds no picture")
    return Observation(JobPhase.FAILED, failure=failure, cost=cost)


def _details(task: JsonObject) -> str:
    details = task.get("details")
    return as_text(details) if details else "no reason given"


def _failed(kind: FailureKind, text: str, secrets: tuple[str, ...]) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, clean(f"Black Forest Labs: {text}", secrets)))
