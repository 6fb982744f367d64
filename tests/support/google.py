"""A service account of Google's, made up, and its public key."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

TOKEN_URL = "https://oauth2.googleapis.com/token"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as Google writes it into a JSON key."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def service_account_key(**changes: Any) -> str:
    """Return the JSON key of a service account, changed as asked."""
    parts = {
        "type": "service_account",
        "project_id": "my-project",
        "client_email": "fox@my-project.iam.gserviceaccount.com",
        "private_key_id": "key-1",
        "private_key": pem(KEY),
        "token_uri": TOKEN_URL,
    }
    return json.dumps({**parts, **changes})
