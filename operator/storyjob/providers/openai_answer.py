"""Reads OpenAI's answers: errors by their codes, a picture in base64, speech as the body itself."""

from __future__ import annotations

import re

from storyjob.api.outcome import (
    BytesOutput,
    Done,
    FailureKind,
    Output,
    Rejected,
    Result,
    Submission,
    Unknown,
    UrlOutput,
)
from storyjob.providers.answers import Dialect, JsonObject, as_text, submitted, unknown
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.encoded import decoded
from storyjob.providers.exchange import NoReply, Reply

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# https://developers.openai.com/api/docs/guides/error-codes and
# https://help.openai.com/en/articles/6614457: a 429 with one of these is about money, and waiting does not help.
_QUOTA = frozenset(
    {
        *("insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active"),
        *("organization_spend_limit_exceeded", "organization_usage_limit_exceeded", "project_spend_limit_exceeded"),
    }
)
_REFUSED = frozenset({"content_policy_violation", "moderation_blocked"})
_QUOTA_REMEDY = "add credits or raise the limit under Billing"


def read_image(reply: Reply | NoReply, content_type: str, secrets: tuple[str, ...]) -> Submission:
    """Return the first picture of ``{"data": [{"b64_json" or "url"}]}``."""
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    data = document.get("data")
    first = data[0] if isinstance(data, list) and data else None
    output = _picture(first, content_type) if isinstance(first, dict) else None
    if output is None:
        return unknown(DIALECT, "answered without a picture that can be read", secrets)
    return Done(Result(output), _request_id(reply))


def read_speech(reply: Reply | NoReply, content_type: str, secrets: tuple[str, ...]) -> Submission:
    """Return the audio that a successful answer consists of."""
    if not (isinstance(reply, Reply) and 200 <= reply.status < 300):
        return _not_spoken(reply, secrets)
    # A proxy's page with status 200 is no narration.
    kind = reply.headers.get("content-type", "").lower()
    if reply.whole and reply.body and kind.startswith(("audio/", "application/octet-stream")):
        return Done(Result(BytesOutput(reply.body, content_type)), _request_id(reply))
    return unknown(DIALECT, f"took the request (HTTP {reply.status}) but its answer is no whole audio file", secrets)


def _not_spoken(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Rejected | Unknown:
    outcome = submitted(reply, DIALECT, secrets)
    return unknown(DIALECT, "answered without audio", secrets) if isinstance(outcome, dict) else outcome


def _picture(item: JsonObject, content_type: str) -> Output | None:
    data, url = decoded(item.get("b64_json")), item.get("url")
    if data is not None:
        return BytesOutput(data, content_type)
    # GPT Image models never answer with links; servers that are compatible with OpenAI's do.
    return UrlOutput(url) if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _request_id(reply: Reply | NoReply) -> str | None:
    request_id = reply.headers.get("x-request-id", "") if isinstance(reply, Reply) else ""
    return request_id if _REQUEST_ID.fullmatch(request_id) else None


def _error(document: JsonObject) -> JsonObject:
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def _codes(document: JsonObject) -> set[str]:
    """Return ``code`` and ``type``: the type stays insufficient_quota where the code says which limit it was."""
    error = _error(document)
    return {value for value in (error.get("code"), error.get("type")) if isinstance(value, str)}


def _words(document: JsonObject) -> str:
    error = _error(document)
    text = as_text(error.get("message") or document.get("error") or document)
    code = error.get("code")
    named = f"{code}: {text}" if isinstance(code, str) and code else text
    return f"{named} ({_QUOTA_REMEDY})" if _codes(document) & _QUOTA else named


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    codes = _codes(document)
    if codes & _QUOTA:
        return FailureKind.QUOTA
    message = _error(document).get("message")
    filtered = status == 400 and isinstance(message, str) and is_content_refusal(message)
    return FailureKind.REFUSED if codes & _REFUSED or filtered else None


DIALECT = Dialect("OpenAI", _words, refine=_refine)
