"""Who asks: the bearer token of a request to the internal port, and what the API server's refusals mean to them."""

from __future__ import annotations

import re

from aiohttp import web

from storyjob.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TestFailed,
    Unauthorized,
    Unavailable,
)
from storyjob_webhook.refusal import Refusal

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")
_CALL = re.compile(r"^(?:GET|POST|PATCH) \S+: (?:\d{3} )?")
_STATUS: tuple[tuple[type[ClusterError], int, str], ...] = (
    (Unauthorized, 401, "Unauthorized"),
    (Forbidden, 403, "Forbidden"),
    (NotFound, 404, "NotFound"),
    (Conflict, 409, "Conflict"),
    (Invalid, 422, "Invalid"),
    (TestFailed, 422, "Invalid"),
)


def bearer(request: web.Request) -> str:
    """Return the caller's Kubernetes token. Raises a 401 ``Refusal``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # An empty token would make the call an anonymous one.
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token.strip()):
        raise Refusal(
            401,
            "Unauthorized",
            "send a Kubernetes token: Authorization: Bearer $(kubectl create token NAME)",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return token.strip()


def refusal(error: ClusterError) -> Refusal:
    """Return what the API server said, as an answer to the caller."""
    message = _CALL.sub("", str(error))
    field = error.field if isinstance(error, Invalid) else None
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return Refusal(status, code, message, field=field)
    seconds = error.retry_after if isinstance(error, Unavailable) and error.retry_after else 5
    return Refusal(
        503, "Unavailable", f"the API server gave no answer: {message}", headers={"Retry-After": str(round(seconds))}
    )
