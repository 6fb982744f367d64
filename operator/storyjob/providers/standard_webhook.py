"""Checks Standard Webhooks: HMAC-SHA256 over ``id.timestamp.body`` (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence

from storyjob.api.errors import SignatureError
from storyjob.providers.webhook_scheme import Headers, fresh_timestamp, header

_MAX_SIGNATURES = 16
_EVENT_ID = re.compile(r"[!-~]{1,256}")


def check_standard_webhook(headers: Headers, body: bytes, secrets: Sequence[str], now: float) -> str:
    """Return the id of a genuine event; ``secrets`` are ``whsec_`` and base64. Raises ``SignatureError``.

    The library of that name reads the clock itself, and raises ValueError or UnicodeDecodeError for a signature
    without a comma or a body that is not UTF-8; an attacker could make errors of our side of these.
    """
    event_id = header(headers, "webhook-id")
    if not _EVENT_ID.fullmatch(event_id):
        raise SignatureError("webhook-id is missing or malformed")
    timestamp = fresh_timestamp(headers, "webhook-timestamp", now)
    keys = list(_keys(secrets))
    if not keys:
        raise SignatureError("no usable signing secret is known; it must be whsec_ and base64")
    head = f"{event_id}.{timestamp}.".encode()
    given = list(_signatures(header(headers, "webhook-signature")))
    expected = [_mac(key, head, body) for key in keys]
    # Every pair is compared, so that the time says nothing about which key fits.
    matches = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(matches):
        raise SignatureError("no signature in webhook-signature is right; is the signing secret current?")
    return event_id


def _mac(key: bytes, *parts: bytes) -> bytes:
    # Not of the parts joined: a body may have megabytes.
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(part)
    return mac.digest()


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


def _signatures(value: str) -> Iterator[bytes]:
    for token in value.split(" ")[:_MAX_SIGNATURES]:
        version, _, encoded = token.partition(",")
        if version != "v1":
            continue
        try:
            yield base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue
