"""Turns a Google service account key into short-lived access tokens (RFC 7523, the JWT bearer grant)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from google.auth import crypt, jwt

from storyjob.ambient import now
from storyjob.api.errors import CredentialsError
from storyjob.providers.answers import json_object
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import Call, NoReply, ask

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS = 3600
# A token must outlive the call it is fetched for, slow submits included.
_MARGIN_SECONDS = 300.0


class TokenUnavailable(Exception):
    """Google could not be asked for a token now; trying again may help."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The parts of a service account's JSON key that are used."""

    project: str
    email: str
    key_id: str
    private_key: str = field(repr=False)
    token_url: str

    @classmethod
    def parse(cls, secret: str) -> ServiceAccount:
        """Read the JSON key. Raises ``CredentialsError`` naming what is missing, never what is there."""
        document = json_object(secret.encode(errors="replace"))
        if document is None:
            raise CredentialsError("the Secret holds neither an API key nor the JSON key of a service account")
        if document.get("type") != "service_account":
            raise CredentialsError("the JSON in the Secret is not a key of type service_account")
        names = ("project_id", "client_email", "private_key_id", "private_key", "token_uri")
        absent = [name for name in names if not isinstance(document.get(name), str) or not document[name]]
        if absent:
            raise CredentialsError(f"the service account's JSON key lacks {', '.join(absent)}")
        project, email, key_id, private_key, token_url = (document[name] for name in names)
        return cls(project, email, key_id, private_key, token_url)


class TokenSource:
    """Fetches access tokens and keeps one until shortly before it expires.

    The fetch goes through the operator's guarded client: ``token_uri`` comes from a tenant's Secret, so google-auth's
    own transport would let a tenant reach addresses inside the cluster.
    """

    def __init__(
        self, account: ServiceAccount, http: httpx.AsyncClient, clock: Callable[[], float] = lambda: now().timestamp()
    ) -> None:
        self._account = account
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._expires = 0.0

    async def token(self) -> str:
        """Return an access token. Raises ``CredentialsError`` or ``TokenUnavailable``."""
        async with self._lock:
            if self._token is None or self._clock() >= self._expires - _MARGIN_SECONDS:
                self._token, self._expires = await self._fetch()
            return self._token

    def forget(self) -> None:
        """Drop the kept token, because the API refused it."""
        self._token = None

    async def _fetch(self) -> tuple[str, float]:
        asked_at = self._clock()
        assertion = await asyncio.to_thread(self._assertion, int(asked_at))
        body = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await ask(self._http, Call("POST", self._account.token_url, headers, body))
        if isinstance(reply, NoReply):
            raise TokenUnavailable(clean(f"Google's token service was not reached: {reply.reason}"))
        document = json_object(reply.body) or {}
        if reply.status >= 500 or reply.status in (408, 429):
            raise TokenUnavailable(f"Google's token service answered HTTP {reply.status}")
        token, seconds = document.get("access_token"), document.get("expires_in")
        if reply.status != 200 or not isinstance(token, str) or not token:
            # The document may hold a token in another shape, so only its two error fields are shown.
            why = clean(f"{document.get('error', 'no token')}: {document.get('error_description', '')}")
            raise CredentialsError(f"Google refused the service account (HTTP {reply.status}): {why}")
        lasts = seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else _LIFETIME_SECONDS
        return token, asked_at + min(max(lasts, 0), _LIFETIME_SECONDS)

    def _assertion(self, issued_at: int) -> str:
        account = self._account
        claims = {
            "iss": account.email,
            "scope": SCOPE,
            "aud": account.token_url,
            "iat": issued_at,
            "exp": issued_at + _LIFETIME_SECONDS,
        }
        try:
            signer = crypt.RSASigner.from_string(account.private_key, account.key_id)  # type: ignore[no-untyped-call]
            signed: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CredentialsError("the service account's private_key is not a PEM RSA key") from error
        return signed.decode()


def is_service_account(secret: str) -> bool:
    """Return whether a secret looks like a JSON key rather than an API key."""
    return secret.lstrip().startswith("{")
