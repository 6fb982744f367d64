"""Lists how each provider type calls back, and tells genuine callbacks. All that the sidecar knows of providers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from storyjob.api.errors import InvalidInput, SignatureError
from storyjob.api.http.webhook import Webhook
from storyjob.api.mediaprovider import ProviderType
from storyjob.api.outcome import Callback
from storyjob.providers.fal_webhook import check_fal_webhook
from storyjob.providers.gemini_webhook import check_gemini_webhook, read_gemini
from storyjob.providers.http import webhook as http_webhook
from storyjob.providers.standard_webhook import check_standard_webhook
from storyjob.providers.webhook_scheme import Headers, Message, Scheme, job_id, json_document


def verify(provider_type: str, headers: Headers, body: bytes, keys: Sequence[str], now: float) -> Callback:
    """Return what a genuine callback says, or raise ``SignatureError``, and never anything else.

    ``body`` is the raw bytes, ``keys`` all that are valid while they are rotated, ``now`` Unix seconds. Replays are
    not looked for: a callback is a hint, so a repeated one does no harm. For a scheme without a ``check``, the caller
    must have compared the token in the URL: nothing else protects it.
    """
    scheme = SCHEMES.get(provider_type)
    if scheme is None:
        raise SignatureError(f"provider type {provider_type[:60]!r} sends no webhooks, so none is believed")
    return judge(scheme, headers, body, keys, now)


def judge(scheme: Scheme, headers: Headers, body: bytes, keys: Sequence[str], now: float) -> Callback:
    """Return what a genuine callback says, as ``verify`` does, for a provider that calls back in its own way."""
    check = scheme.check or _unsigned
    event_id = check(headers, body, keys, now)
    message = scheme.read(json_document(body))
    return Callback(event_id, message.job_id, ended=message.ended)


def scheme_of(spec: Mapping[str, Any]) -> Scheme | None:
    """Return how a MediaProvider of that spec calls back; None where it does not, or its description cannot work."""
    kind = str(spec.get("type", ""))
    if kind != ProviderType.HTTP:
        return SCHEMES.get(kind)
    try:
        webhook = Webhook.model_validate((spec.get("http") or {}).get("webhook"))
        return http_webhook.scheme_of(webhook)
    except (ValidationError, InvalidInput, AttributeError):
        return None


def calling_types() -> frozenset[str]:
    """Return the provider types whose callbacks are taken."""
    return frozenset(SCHEMES)


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
        "gemini": Scheme(read_gemini, check_gemini_webhook),
        "luma": Scheme(_luma, check=None),
        "replicate": Scheme(_replicate, check_standard_webhook),
    }
)
"""A vendor that calls back is one line here, next to its line in the registry."""
