"""Tells genuine callbacks of a declared HTTP service, by the signature scheme that its MediaProvider names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from storyjob.api.errors import SignatureError
from storyjob.api.http.webhook import Signature, Webhook
from storyjob.providers.http.expression import compile_expression, holds_more
from storyjob.providers.http.reading import as_job_id
from storyjob.providers.standard_webhook import check_standard_webhook
from storyjob.providers.webhook_scheme import Headers, Message, Scheme, header

MAX_VALUES = 2000
_WHERE = "spec.http.webhook"


def scheme_of(webhook: Webhook) -> Scheme:
    """Return how the service calls back. Raises ``InvalidInput`` for an expression that does not compile."""
    job_id = compile_expression(webhook.job_id, f"{_WHERE}.jobId") if webhook.job_id else None
    ended = compile_expression(webhook.ended_when, f"{_WHERE}.endedWhen") if webhook.ended_when else None

    def read(document: Mapping[str, Any]) -> Message:
        if holds_more(document, MAX_VALUES):
            # A hint is enough: nobody's expression may hold up everybody's callbacks.
            return Message()
        found = as_job_id(job_id.find(document)) if job_id else None
        return Message(found, ended is None or ended.holds(document))

    match webhook.signature.scheme:
        case "None":
            return Scheme(read, check=None)
        case "StandardWebhooks":
            return Scheme(read, check_standard_webhook)
        case "HmacSHA256":
            return Scheme(read, _Hmac(webhook.signature))


class _Hmac:
    """HMAC-SHA256 of the raw body, in one header. It has no time in it: replays are known by the attempt's token."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def __call__(self, headers: Headers, body: bytes, keys: Sequence[str], now: float) -> str:
        name = self._signature.header or ""
        given = self._given(header(headers, name.lower()), name)
        expected = [hmac.digest(key.encode(), body, hashlib.sha256) for key in keys if key]
        # Every key is tried, so that the time says nothing about which one fits.
        if not any([hmac.compare_digest(one, given) for one in expected]):
            raise SignatureError(f"the signature in {name} is wrong; is the signing key current?")
        return hashlib.sha256(body).hexdigest()

    def _given(self, value: str, name: str) -> bytes:
        prefix = self._signature.prefix
        if not value or not value.startswith(prefix):
            raise SignatureError(f"{name} is missing, or does not begin with {prefix!r}")
        text = value.removeprefix(prefix)
        try:
            return bytes.fromhex(text) if self._signature.format == "Hex" else base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SignatureError(f"{name} holds no {self._signature.format.lower()} signature") from error
