"""Fetches the public keys of a vendor's webhooks."""

from __future__ import annotations

import json
from collections.abc import Callable

from storyjob.api.errors import CredentialsError
from storyjob.api.outcome import Observation
from storyjob.providers.answers import Dialect, observed
from storyjob.providers.base import Connection
from storyjob.providers.exchange import Call, ask

JWKS_PATH = "/.well-known/jwks.json"


async def fetch_published_keys(
    connection: Connection, url: str, dialect: Dialect, usable: Callable[[str], bool]
) -> str:
    """Return a JWKS in one line. Raises ``CredentialsError``. The account's key is not sent along."""
    answer = observed(await ask(connection.http, Call("GET", url, {})), dialect, ())
    why = f"{url} holds no key of the kind that {dialect.vendor} signs with"
    if isinstance(answer, Observation):
        why = answer.failure.message if answer.failure else answer.message or why
    else:
        document = json.dumps(answer)
        if usable(document):
            return document
    raise CredentialsError(
        f"cannot fetch the keys of {dialect.vendor}'s webhooks: {why}; or give the JWKS in spec.webhook"
    )
