"""Checks fal's webhooks: Ed25519 against the public keys that fal publishes as a JWKS."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storyjob.api.errors import SignatureError
from storyjob.providers.jwks import jwks_entries
from storyjob.providers.webhook_scheme import Headers, fresh_timestamp, header

_NAME = re.compile(r"[ -~]{1,256}")
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{128}")


def check_fal_webhook(headers: Headers, body: bytes, jwks: Sequence[str], now: float) -> str:
    """Return the request id that a genuine callback was signed with; ``jwks`` are JWKS documents.

    Raises ``SignatureError``. Signed are request id, user id, timestamp and the hex SHA-256 of the raw body, one a
    line: https://docs.fal.ai/model-apis/model-endpoints/webhooks
    """
    request_id = header(headers, "x-fal-webhook-request-id")
    user_id = header(headers, "x-fal-webhook-user-id")
    if not _NAME.fullmatch(request_id) or not _NAME.fullmatch(user_id):
        raise SignatureError("x-fal-webhook-request-id or x-fal-webhook-user-id is missing or malformed")
    timestamp = fresh_timestamp(headers, "x-fal-webhook-timestamp", now)
    signature = header(headers, "x-fal-webhook-signature")
    if not _SIGNATURE.fullmatch(signature):
        raise SignatureError("x-fal-webhook-signature is missing or not 64 bytes in hex")
    keys = list(public_keys(jwks))
    if not keys:
        raise SignatureError("no usable public key is known; it must be a JWKS with Ed25519 keys")
    signed = "\n".join((request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())).encode()
    if not any(_fits(key, bytes.fromhex(signature), signed) for key in keys):
        raise SignatureError("x-fal-webhook-signature is by none of fal's keys; are the published keys current?")
    return request_id


def public_keys(jwks: Sequence[str]) -> Iterator[Ed25519PublicKey]:
    """Yield the Ed25519 keys of JWKS documents; anything else in them is passed over."""
    for document in jwks:
        for key in jwks_entries(document):
            if key.get("kty") != "OKP" or key.get("crv") != "Ed25519":
                continue
            x = str(key.get("x", "")).rstrip("=")
            try:
                yield Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
            except (binascii.Error, ValueError):
                continue


def _fits(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True
