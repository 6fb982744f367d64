"""Checks the webhooks of single Gemini requests: a token (JWT, RS256) by a key that Google publishes as a JWKS."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from storyjob.api.errors import SignatureError
from storyjob.providers.jwks import jwks_entries
from storyjob.providers.webhook_scheme import TOLERANCE_SECONDS, Headers, Message, fresh_timestamp, header, job_id

_EVENT_ID = re.compile(r"[!-~]{1,256}")
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{1,1024})")
_KEY_BITS = range(2048, 8193)  # a larger key would keep us busy


def check_gemini_webhook(headers: Headers, body: bytes, jwks: Sequence[str], now: float) -> str:
    """Return the id of an event that Google signed; ``jwks`` are JWKS documents. Raises ``SignatureError``.

    What the token says is documented only by "your configured audience"
    (https://ai.google.dev/gemini-api/docs/webhooks), so neither audience nor body can be compared with it. That the
    event is for us, and for this attempt, the random token in our URL tells, which the caller has compared.
    """
    event_id = header(headers, "webhook-id")
    if not _EVENT_ID.fullmatch(event_id):
        raise SignatureError("webhook-id is missing or malformed")
    fresh_timestamp(headers, "webhook-timestamp", now)
    token = _TOKEN.fullmatch(header(headers, "webhook-signature"))
    if token is None:
        raise SignatureError("webhook-signature is missing or no JSON Web Token")
    head, claims = _part(token[1]), _part(token[2])
    if head.get("alg") != "RS256":
        raise SignatureError("webhook-signature is not signed with RS256")
    keys = list(rsa_keys(jwks, head.get("kid")))
    if not keys:
        raise SignatureError("webhook-signature names none of the published keys; are they current?")
    signed, signature = f"{token[1]}.{token[2]}".encode(), _bytes(token[3])
    if not any(_fits(key, signature, signed) for key in keys):
        raise SignatureError("webhook-signature is by none of Google's keys; are the published keys current?")
    _check_times(claims, now)
    return event_id


def read_gemini(document: Mapping[str, Any]) -> Message:
    """Return which interaction an event is about. Google calls once, at its end."""
    data = document.get("data")
    return Message(job_id(data.get("id")) if isinstance(data, dict) else None)


def rsa_keys(jwks: Sequence[str], kid: object = None) -> Iterator[RSAPublicKey]:
    """Yield the RSA keys of JWKS documents, with ``kid`` only those of that name; others are passed over."""
    for entry in (entry for document in jwks for entry in jwks_entries(document)):
        if entry.get("kty") != "RSA" or (kid is not None and entry.get("kid") != kid):
            continue
        modulus, exponent = (int.from_bytes(_bytes(str(entry.get(part, "")))) for part in ("n", "e"))
        if modulus.bit_length() not in _KEY_BITS or exponent.bit_length() > 32:
            continue
        try:
            yield RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError:
            continue


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    for name, sign in (("exp", -1), ("iat", 1), ("nbf", 1)):
        at = claims.get(name)
        if at is None:
            continue
        if isinstance(at, bool) or not isinstance(at, int | float) or not sign * (at - now) <= TOLERANCE_SECONDS:
            raise SignatureError(f"webhook-signature is not valid now ({name}); are the clocks right?")


def _part(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(text))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return b""


def _fits(key: RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
