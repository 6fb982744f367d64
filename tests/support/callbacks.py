"""Builds Scenes, MediaProviders, signing keys and signed callbacks, as they are on the wire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]


def a_signing_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def signed(secret: str, body: bytes, *, at: float | None = None, event: str = "msg_1") -> dict[str, str]:
    """Return the headers of a genuine Standard Webhook."""
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{event}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": event,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def a_jwks(*keys: Ed25519PrivateKey) -> str:
    """Return the JWKS of the keys' public halves, as fal publishes it, in one line."""
    xs = [base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode() for key in keys]
    return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x} for x in xs]})


def signed_by_fal(
    key: Ed25519PrivateKey, body: bytes, *, at: float | None = None, request_id: str = "abc", user: str = "github|7"
) -> dict[str, str]:
    """Return the headers of a genuine webhook of fal."""
    stamp = str(int(time.time() if at is None else at))
    message = "\n".join((request_id, user, stamp, hashlib.sha256(body).hexdigest())).encode()
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": user,
        "X-Fal-Webhook-Timestamp": stamp,
        "X-Fal-Webhook-Signature": key.sign(message).hex(),
    }


def keys_secret(namespace: str, keys: dict[str, list[str]]) -> Json:
    """Return the Secret that the operator writes: MediaProvider uid to signing secrets."""
    data = {uid: base64.b64encode("\n".join(lines).encode()).decode() for uid, lines in keys.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "storyjob-webhook-keys", "namespace": namespace},
        "data": data,
    }


@dataclass
class Job:
    """One step's attempt that a provider works on, and the callback that it sends."""

    namespace: str = "default"
    scene: str = "fox-forest-0a1b2c3d"
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    step: str = "image"
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    phase: str = "Running"
    job_id: str | None = "job1"
    provider: str = "flux"

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()

    @property
    def path(self) -> str:
        return f"/api/webhooks/job/{self.uid}.{self.step}"

    @property
    def url(self) -> str:
        return f"{self.path}?token={self.token}"

    def body(self, job_id: str | None = None) -> bytes:
        return json.dumps({"id": job_id or self.job_id, "status": "succeeded"}).encode()

    def step_status(self) -> Json:
        status: Json = {"phase": self.phase, "attempt": 1, "tokenHash": self.token_hash, "provider": self.provider}
        return status | ({"jobId": self.job_id} if self.job_id else {})

    def item(self, version: int = 1) -> Json:
        """Return the Scene."""
        return {
            "apiVersion": "storyjob.dev/v1alpha1",
            "kind": "Scene",
            "metadata": {
                "namespace": self.namespace,
                "name": self.scene,
                "uid": self.uid,
                "resourceVersion": str(version),
            },
            "spec": {"storyRef": {"name": "fox"}, "name": "forest", "index": 0},
            "status": {"steps": {self.step: self.step_status()}},
        }


def a_provider(namespace: str = "default", name: str = "flux", type_: str = "replicate", **annotations: str) -> Json:
    return {
        "apiVersion": "storyjob.dev/v1alpha1",
        "kind": "MediaProvider",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-of-{name}",
            "resourceVersion": "1",
            "annotations": {f"storyjob.dev/{key.replace('_', '-')}": value for key, value in annotations.items()},
        },
        "spec": {"type": type_, "credentials": {"secretRef": {"name": "keys", "key": "token"}}},
    }
