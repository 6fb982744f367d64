"""Signs the webhooks of the simulated Gemini: RS256 tokens by a key that is published as a JWKS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

_KID = "simulator-1"
_LIFE = 300  # seconds of a token


class WebhookKey:
    """The key of one simulator, made when it is first needed; a simulator that starts again has another."""

    @cached_property
    def _own(self) -> RSAPrivateKey:
        return generate_private_key(65537, 2048)

    @cached_property
    def _strangers(self) -> RSAPrivateKey:
        return generate_private_key(65537, 2048)

    def jwks(self) -> dict[str, Any]:
        """Return the public half as ``/.well-known/jwks.json`` shows it."""
        numbers = self._own.public_key().public_numbers()
        n, e = (_text(value.to_bytes((value.bit_length() + 7) // 8)) for value in (numbers.n, numbers.e))
        return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KID, "n": n, "e": e}]}

    def sign(self, webhook_id: str, at: int, body: bytes, genuine: bool) -> Mapping[str, str]:
        """Return the headers of a webhook (https://ai.google.dev/gemini-api/docs/webhooks)."""
        head = {"alg": "RS256", "typ": "JWT", "kid": _KID}
        claims = {"iss": "https://generativelanguage.googleapis.com", "iat": at, "exp": at + _LIFE}
        signed = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        key = self._own if genuine else self._strangers
        signature = _text(key.sign(signed.encode(), PKCS1v15(), SHA256()))
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(at),
            "webhook-signature": f"{signed}.{signature}",
        }


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
