"""Lists how each provider type calls back, and tells genuine callbacks. All that the sidecar knows of providers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import Callback
from storyjob.providers.fal_webhook import check_fal_webhook
from storyjob.providers.standard_webhook import check_standard_webhook
from storyjob.providers.webhook_scheme import Headers, Message, Scheme, job_id, json_document


def verify(provider_type: str, headers: Headers, body: bytes, keys: Sequence[str], now: float) -> Callback:
    """Return what a genuine callback says, or raise ``SignatureError``, and never anything else.

    ``body`` is the raw bytes, ``keys`` all that are valid while they are rotated, ``now`` Unix seconds. Replays are
    not looked for: a callback is a hint, so a repeated one does no harm. For a type that does not sign
    (``needs_key``), the caller must have compared the token in the URL: nothing else protects it.
    """
    scheme = SCHEMES.get(provider_type)
    if scheme is None:
        raise SignatureError(f"provider type {provider_type[:60]!r} sends no webhooks, so none is believed")
    check = scheme.check or _unsigned
    event_id = check(headers, body, keys, now)
    message = scheme.read(json_document(body))
    return Callback(event_id, message.job_id, ended=message.ended)


def calling_types() -> frozenset[str]:
    """Return the provider types whose callbacks are taken."""
    return frozenset(SCHEMES)


def needs_key(provider_type: str) -> bool:
    """Return whether callbacks of that type can be believed only with a signing key."""
    scheme = SCHEMES.get(provider_type)
    return scheme is None or scheme.check is not None


def _unsigned(headers: Headers, body: bytes, keys: Sequence[str], now: float) -> str:
    return hashlib.sha256(body).hexdigest()


def _replicate(document: Mapping[str, Any]) -> Message:
    # A word unknown to us is better asked about once too often.
    ended = document.get("status") not in ("starting", "processing")
    return Message(job_id(document.get("id")), ended)


def _fal(document: Mapping[str, Any]) -> Message:
    # fal calls once, at the end.
    return Message(job_id(document.get("request_id")))


def _luma(document: Mapping[str, Any]) -> Message:
    return Message(job_id(document.get("id")), document.get("state") not in ("queued", "dreaming"))


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "fal": Scheme(_fal, check_fal_webhook),
        "luma": Scheme(_luma, check=None),
        "replicate": Scheme(_replicate, check_standard_webhook),
    }
)
"""A vendor that calls back is one line here, next to its line in the registry."""
