"""Authorizes calls to Google's APIs with what the Secret holds: an API key or a service account's JSON key."""

from __future__ import annotations

from collections.abc import Mapping

from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.outcome import Failure, FailureKind, Rejected
from storyjob.providers.base import Connection
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import NoReply, Reply
from storyjob.providers.google_token import ServiceAccount, TokenSource, TokenUnavailable, is_service_account

NotSent = (InvalidInput, CredentialsError, TokenUnavailable)
"""What goes wrong before anything is sent; see ``unsent``."""


class GoogleAccess:
    """One account's way in. A service account's token is fetched when first needed and then kept while it lasts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.secret = connection.secret.strip()
        self._account: ServiceAccount | None = None
        self._tokens: TokenSource | None = None

    @property
    def is_service_account(self) -> bool:
        """Whether the Secret holds a JSON key rather than an API key."""
        return is_service_account(self.secret)

    def account(self) -> ServiceAccount | None:
        """Return the service account, None for an API key. Raises ``CredentialsError``."""
        if self._account is None and self.is_service_account:
            self._account = ServiceAccount.parse(self.secret)
        return self._account

    async def headers(self) -> dict[str, str]:
        """Return what authorizes one call. Raises ``CredentialsError`` or ``TokenUnavailable``."""
        account = self.account()
        if account is None:
            return {"x-goog-api-key": self.secret}
        if self._tokens is None:
            self._tokens = TokenSource(account, self._connection.http)
        return {"Authorization": f"Bearer {await self._tokens.token()}"}

    def secrets(self, headers: Mapping[str, str]) -> tuple[str, ...]:
        """Return everything secret about a call with these headers."""
        return (self.secret, *(value.removeprefix("Bearer ") for value in headers.values()))

    def noted(self, reply: Reply | NoReply) -> Reply | NoReply:
        """Return the reply, having dropped the token if it was refused."""
        if self._tokens and isinstance(reply, Reply) and reply.status == 401:
            self._tokens.forget()
        return reply


def unsent(error: Exception, secrets: tuple[str, ...]) -> Rejected:
    """Return what one of ``NotSent`` means for a submit: surely nothing was taken."""
    match error:
        case CredentialsError():
            kind = FailureKind.UNAUTHORIZED
        case TokenUnavailable():
            kind = FailureKind.UNAVAILABLE
        case _:
            kind = FailureKind.INVALID
    return Rejected(Failure(kind, clean(str(error), secrets)))
