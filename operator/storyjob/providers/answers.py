"""Decides what an HTTP answer means for our money: the one table from status to outcome, for all vendors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from storyjob.api.outcome import Failure, FailureKind, JobPhase, Observation, Rejected, Unknown
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import NoReply, Reply
from storyjob.providers.throttling import retry_after

JsonObject = dict[str, Any]

# Only statuses that say for certain that nothing was taken. 301, 307 and 308 tell us to send the same request
# elsewhere, so it was not served here; 302 and 303 may follow a POST that was ("look there for the result").
_NOT_TAKEN = {
    301: FailureKind.INVALID,
    307: FailureKind.INVALID,
    308: FailureKind.INVALID,
    401: FailureKind.UNAUTHORIZED,
    402: FailureKind.QUOTA,
    403: FailureKind.UNAUTHORIZED,
    408: FailureKind.THROTTLED,
    425: FailureKind.THROTTLED,
    429: FailureKind.THROTTLED,
}
# nginx and Google answer 499 for "the client went away", which does not stop what the client had started.
_CLIENT_WENT_AWAY = 499


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one vendor says no.

    ``words`` finds the human text in its error document. ``refine`` names a better kind than the table for a
    4xx. ``declared`` is what a person who knows the service said of an answer: it comes before the table, whatever
    the status. Without that a 503, like every other 5xx, leaves the outcome unknown: "try again later" is advice for
    those who may buy twice.
    """

    vendor: str
    words: Callable[[JsonObject], str]
    refine: Callable[[int, JsonObject], FailureKind | None] = lambda status, document: None
    declared: Callable[[int, JsonObject], FailureKind | None] = lambda status, document: None


def submitted(reply: Reply | NoReply, dialect: Dialect, secrets: Iterable[str]) -> JsonObject | Rejected | Unknown:
    """Return the JSON of a successful submit, or which kind of "no" it was.

    A success that cannot be read is ``Unknown``: the vendor has most likely taken the job.
    """
    if isinstance(reply, Reply) and 200 <= reply.status < 300:
        document = json_object(reply.body) if reply.whole else None
        if document is not None:
            return document
        return unknown(dialect, f"took the request (HTTP {reply.status}) but its answer {_unreadable(reply)}", secrets)
    return refused(reply, dialect, secrets)


def refused(reply: Reply | NoReply, dialect: Dialect, secrets: Iterable[str]) -> Rejected | Unknown:
    """Return what a submit came to that was not answered with a success."""
    if isinstance(reply, NoReply):
        return _unsent(reply, dialect, secrets)
    failure = _failure(reply, dialect, secrets)
    if failure is None:
        return unknown(dialect, f"answered HTTP {reply.status}: {_words(reply, dialect)}", secrets)
    return Rejected(failure)


def observed(reply: Reply | NoReply, dialect: Dialect, secrets: Iterable[str]) -> JsonObject | Observation:
    """Return the JSON of a successful question about a job, or why it was not answered.

    Only the vendor's own 404 or 410 document means ``Gone``: a proxy's 404 page says nothing about the job.
    """
    if isinstance(reply, Reply) and 200 <= reply.status < 300:
        document = json_object(reply.body) if reply.whole else None
        if document is not None:
            return document
        return unreachable(dialect, FailureKind.UNAVAILABLE, f"its answer {_unreadable(reply)}", secrets)
    return unanswered(reply, dialect, secrets)


def unanswered(reply: Reply | NoReply, dialect: Dialect, secrets: Iterable[str]) -> Observation:
    """Return what a question about a job came to that was not answered with a success."""
    if isinstance(reply, NoReply):
        return unreachable(dialect, FailureKind.UNAVAILABLE, reply.reason, secrets)
    if reply.status in (404, 410) and json_object(reply.body) is not None:
        message = clean(f"{dialect.vendor} no longer knows the job: {_words(reply, dialect)}", secrets)
        return Observation(JobPhase.GONE, message=message)
    failure = None if reply.status == 404 else _failure(reply, dialect, secrets)
    if failure is None:
        why = f"HTTP {reply.status}: {_words(reply, dialect)}"
        return unreachable(dialect, FailureKind.UNAVAILABLE, why, secrets)
    return Observation(JobPhase.UNREACHABLE, failure=failure)


def unknown(dialect: Dialect, what: str, secrets: Iterable[str]) -> Unknown:
    """Say that a job may be running, and why we do not know."""
    return Unknown(clean(f"{dialect.vendor} {what}", secrets) + " (a job may be running and may be charged)")


def unreachable(dialect: Dialect, kind: FailureKind, why: str, secrets: Iterable[str]) -> Observation:
    """Say that a question about a job was not answered."""
    message = clean(f"{dialect.vendor} did not say how the job stands: {why}", secrets)
    return Observation(JobPhase.UNREACHABLE, failure=Failure(kind, message))


def json_object(body: bytes) -> JsonObject | None:
    """Return the JSON object in ``body``; None for anything else, whatever it is."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def as_text(value: object) -> str:
    """Return a JSON value as text, strings without their quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unsent(reply: NoReply, dialect: Dialect, secrets: Iterable[str]) -> Rejected | Unknown:
    if reply.sent:
        return unknown(dialect, f"gave no clear answer: {reply.reason}", secrets)
    kind = FailureKind.INVALID if reply.forbidden else FailureKind.UNAVAILABLE
    return Rejected(Failure(kind, clean(f"{dialect.vendor} was not reached: {reply.reason}", secrets)))


def _failure(reply: Reply, dialect: Dialect, secrets: Iterable[str]) -> Failure | None:
    """Return why the vendor surely did not take the request, or None when it may have."""
    document = json_object(reply.body) or {}
    kind = _kind(reply.status, document, dialect)
    if kind is None:
        return None
    words = _words(reply, dialect)
    if 300 <= reply.status < 400:
        words = f"it redirects to {reply.headers.get('location', '?')}; set spec.endpoint to the address that answers"
    wait = None
    if kind in (FailureKind.THROTTLED, FailureKind.UNAVAILABLE):
        wait = retry_after(reply.headers, words)
    return Failure(kind, clean(f"{dialect.vendor} said no (HTTP {reply.status}): {words}", secrets), wait)


def _kind(status: int, document: JsonObject, dialect: Dialect) -> FailureKind | None:
    if (declared := dialect.declared(status, document)) is not None:
        return declared
    if status in _NOT_TAKEN and status < 400:
        return _NOT_TAKEN[status]
    if 400 <= status < 500 and status != _CLIENT_WENT_AWAY:
        return dialect.refine(status, document) or _NOT_TAKEN.get(status, FailureKind.INVALID)
    return None


def _words(reply: Reply, dialect: Dialect) -> str:
    document = json_object(reply.body)
    words = dialect.words(document) if document is not None else ""
    return words or reply.body.decode("utf-8", "replace").strip() or "no explanation"


def _unreadable(reply: Reply) -> str:
    if reply.too_large:
        return f"is larger than {len(reply.body)} bytes"
    return "is not a JSON object" if reply.whole else "broke off"
