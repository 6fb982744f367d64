"""Reads how a request in fal's queue stands, and what it made or why it failed."""

from __future__ import annotations

import re
from decimal import Decimal

from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Result
from storyjob.api.step import StepKind
from storyjob.providers.answers import Dialect, JsonObject, as_text, json_object, observed
from storyjob.providers.cleaning import clean
from storyjob.providers.compute_time import compute_seconds
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.exchange import NoReply, Reply
from storyjob.providers.model_output import find_output

# Types of docs.fal.ai/documentation/model-apis/request-errors by which the client, which is we, ended the request.
_CANCELLED = ("client_cancelled", "client_disconnected")
_FILTER_TYPE = "content_policy_violation"  # docs.fal.ai/documentation/model-apis/errors
_LOCKED = re.compile(r"\b(?:balance|locked|billing)\b", re.IGNORECASE)
# Statuses that refuse to tell, and say nothing about how the request ended.
_NOT_TOLD = (401, 402, 403, 404, 410, 429)


def _words(document: JsonObject) -> str:
    detail = document.get("detail")
    if isinstance(detail, list):
        errors = [item for item in detail if isinstance(item, dict)]
        return "; ".join(_sentence(item) for item in errors)
    parts = [document.get("error"), detail, document.get("error_type")]
    return ": ".join(as_text(part) for part in parts if part)


def _sentence(error: JsonObject) -> str:
    where = error.get("loc")
    place = ".".join(map(str, where)) + ": " if isinstance(where, list) and where else ""
    return f"{place}{as_text(error.get('msg', ''))} ({as_text(error.get('type', 'no type'))})"


def _is_filtered(document: JsonObject) -> bool:
    detail = document.get("detail")
    typed = [item.get("type") for item in detail if isinstance(item, dict)] if isinstance(detail, list) else []
    return _FILTER_TYPE in typed or is_content_refusal(_words(document))


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    if _is_filtered(document):
        return FailureKind.REFUSED
    # "User is locked. Reason: Exhausted balance. Top up your balance at …", with a 403
    if status == 403 and _LOCKED.search(_words(document)):
        return FailureKind.QUOTA
    return None


DIALECT = Dialect("fal", _words, _refine)


def judge_status(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Observation | JsonObject:
    """Return how the request stands, or the status document when it has ended and its result is to be read.

    There is no word for failed: a failed request is COMPLETED, with an error, or with an error as its result.
    """
    document = observed(reply, DIALECT, secrets)
    if isinstance(document, Observation):
        return document
    match document.get("status"):
        case "IN_QUEUE":
            return Observation(JobPhase.QUEUED)
        case "IN_PROGRESS":
            return Observation(JobPhase.RUNNING)
        case "COMPLETED":
            return document
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(JobPhase.RUNNING, message=f"fal: unknown status {shown!r}, taken for running")


def judge_result(reply: Reply | NoReply, status: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Return how an ended request ended. ``reply`` is its result, which for a failed one is an HTTP error."""
    failed = bool(status.get("error") or status.get("error_type"))
    answer = observed(reply, DIALECT, secrets)
    if not isinstance(answer, Observation):
        if failed:
            return _failed(status, None, secrets)
        # Of failed ones only those that end with a server error are said to be free, so none is priced here.
        return _succeeded(answer, step, compute_seconds(status.get("metrics"), "inference_time"))
    document = json_object(reply.body) if isinstance(reply, Reply) and reply.whole else None
    if isinstance(reply, Reply) and document is not None and _is_its_error(reply, document):
        return _failed(status | document, reply, secrets)
    # When the status told of an error it has ended for certain, whatever keeps us from reading why.
    return _failed(status, None, secrets) if failed else answer


def _is_its_error(reply: Reply, document: JsonObject) -> bool:
    """Return whether this is the request's own end. A gateway's 5xx is not, and must not lose what was paid for."""
    if reply.status in _NOT_TOLD or 300 <= reply.status < 400:
        return False
    marked = "error_type" in document or "x-fal-error-type" in reply.headers or "x-fal-retryable" in reply.headers
    return marked or isinstance(document.get("detail"), list) or (reply.status < 500 and "detail" in document)


def _succeeded(document: JsonObject, step: StepKind, seconds: Decimal | None) -> Observation:
    flagged = document.get("has_nsfw_concepts")
    if isinstance(flagged, list) and flagged and flagged[0] is True:
        return _ended(FailureKind.REFUSED, "fal: the safety checker blacked out the picture (has_nsfw_concepts)")
    media = find_output(document, step)
    if media is not None:
        return Observation(JobPhase.SUCCEEDED, result=Result(media, compute_seconds=seconds))
    # Not Failed: the model would do the same again, and each time cost the same again.
    return _ended(FailureKind.INVALID, "fal: the request succeeded but its result holds no file; use another model")


def _failed(document: JsonObject, reply: Reply | None, secrets: tuple[str, ...]) -> Observation:
    text = clean(f"fal: {_words(document) or 'no reason given'}", secrets)
    if document.get("error_type") in _CANCELLED:
        return Observation(JobPhase.CANCELED, message=text)
    return _ended(_kind(document, reply), text)


def _kind(document: JsonObject, reply: Reply | None) -> FailureKind:
    if _is_filtered(document):
        return FailureKind.REFUSED
    retryable = reply.headers.get("x-fal-retryable", "").lower() if reply else ""
    invalid = document.get("error_type") == "bad_request" or (reply is not None and 400 <= reply.status < 499)
    # What fal says of trying again counts more than the status.
    return FailureKind.INVALID if retryable == "false" or (invalid and retryable != "true") else FailureKind.FAILED


def _ended(kind: FailureKind, message: str) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, message))
