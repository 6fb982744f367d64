"""Reads the error documents that Google's APIs share (https://cloud.google.com/apis/design/errors)."""

from __future__ import annotations

from storyjob.api.outcome import FailureKind
from storyjob.providers.answers import Dialect, JsonObject, as_text
from storyjob.providers.content_filter import is_content_refusal

# google.rpc.ErrorInfo reasons that say more than the HTTP status.
_REASONS = {
    "API_KEY_INVALID": FailureKind.UNAUTHORIZED,
    "API_KEY_SERVICE_BLOCKED": FailureKind.UNAUTHORIZED,
    "BILLING_DISABLED": FailureKind.QUOTA,
}


def google_dialect(vendor: str) -> Dialect:
    """Return how one of Google's services says no.

    Its 503 UNAVAILABLE proves nothing: google.rpc.Code says of it that "it is not always safe to retry non-idempotent
    operations".
    """
    return Dialect(vendor, words, refine=refine)


def error_of(document: JsonObject) -> JsonObject:
    """Return ``error`` of a document, an empty one when there is none."""
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def words(document: JsonObject) -> str:
    """Return the human text of an error document."""
    error = error_of(document)
    return as_text(error["message"]) if error.get("message") else as_text(document)


def refine(status: int, document: JsonObject) -> FailureKind | None:
    """Return a better kind than the HTTP status tells, if there is one."""
    error = error_of(document)
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str) and reason in _REASONS:
            return _REASONS[reason]
    refused = status == 400 and is_content_refusal(as_text(error.get("message") or ""))
    return FailureKind.REFUSED if refused else None
