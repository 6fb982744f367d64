"""Checks the signatures of webhooks. All that the sidecar knows of providers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import Callback

TOLERANCE_SECONDS = 300.0
_MAX_SIGNATURES = 16
_EVENT_ID = re.compile(r"[!-~]{1,256}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# What Replicate calls a job that has not ended; a word unknown to us is better asked about once too often.
_GOING_ON = ("starting", "processing")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def verify(provider_type: str, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> Callback:
    """Return what a genuine callback says, or raise ``SignatureError``, and never anything else.

    ``body`` is the raw bytes, ``secrets`` all that are valid while they are rotated, ``now`` Unix seconds. Replays are
    not looked for: a callback is a hint, so a repeated one does no harm.
    """
    scheme = _SCHEMES.get(provider_type)
    if scheme is None:
        raise SignatureError(f"provider type {provider_type[:60]!r} does not sign webhooks, so none is believed")
    return scheme(headers, body, secrets, now)


def signing_types() -> frozenset[str]:
    """Return the provider types whose webhooks can be checked."""
    return frozenset(_SCHEMES)


def _standard_webhook(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> Callback:
    """Check https://www.standardwebhooks.com: HMAC-SHA256 of ``id.timestamp.body``, one of several signatures.

    The library of that name reads the clock itself, and raises ValueError or UnicodeDecodeError for a signature
    without a comma or a body that is not UTF-8; an attacker could make errors of our side of these.
    """
    event_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    signatures = _header(headers, "webhook-signature")
    if not _EVENT_ID.fullmatch(event_id):
        raise SignatureError("webhook-id is missing or malformed")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("webhook-timestamp is missing or not Unix seconds")
    if not abs(now - int(timestamp)) <= TOLERANCE_SECONDS:
        raise SignatureError("webhook-timestamp is more than 5 minutes away from now; are the clocks right?")
    keys = list(_keys(secrets))
    if not keys:
        raise SignatureError("no usable signing secret is known; it must be whsec_ and base64")
    signed = f"{event_id}.{timestamp}.".encode() + body
    given = list(_signatures(signatures))
    expected = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    # Every pair is compared, so that the time says nothing about which key fits.
    matches = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(matches):
        raise SignatureError("no signature in webhook-signature is right; is the signing secret current?")
    document = _document(body)
    return Callback(event_id, _job_id(document), ended=document.get("status") not in _GOING_ON)


_SCHEMES: Mapping[str, Callable[[Mapping[str, str], bytes, Sequence[str], float], Callback]] = MappingProxyType(
    {"replicate": _standard_webhook}
)


def _header(headers: Mapping[str, str], name: str) -> str:
    found = [value for key, value in headers.items() if key.lower() == name]
    # Two values for one header: which of them the vendor had signed is anybody's guess.
    return found[0].strip() if len(found) == 1 else ""


def _keys(secrets: Sequence[str]) -> Iterator[bytes]:
    for secret in secrets:
        text = secret.strip().removeprefix("whsec_").rstrip("=")
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        # Anybody could sign with an empty key.
        if key:
            yield key


def _signatures(header: str) -> Iterator[bytes]:
    for token in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, encoded = token.partition(",")
        if version != "v1":
            continue
        try:
            yield base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue


def _document(body: bytes) -> dict[str, Any]:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SignatureError("the signature is right but the body is not JSON") from error
    return document if isinstance(document, dict) else {}


def _job_id(document: Mapping[str, Any]) -> str | None:
    job_id = document.get("id")
    return job_id if isinstance(job_id, str) and _JOB_ID.fullmatch(job_id) else None
