"""Sends the one request of an attempt that may cost money."""

from __future__ import annotations

from collections.abc import Callable

from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import Failure, FailureKind, Rejected, Submission
from storyjob.providers.base import Attempt, Connection
from storyjob.providers.cleaning import clean
from storyjob.providers.exchange import Call, NoReply, Reply, digest, exchange

Secrets = tuple[str, ...]


async def pay(
    connection: Connection,
    attempt: Attempt,
    make: Callable[[], Call],
    read: Callable[[Reply | NoReply, Secrets], Submission],
    *,
    seconds: float,
) -> Submission:
    """Make the request, send it exactly once, and return what the answer means. Never raises for vendor or network.

    A request that cannot be made is rejected before anything went out. Key and token are cut out of every message.
    """
    secrets = (connection.secret.strip(), attempt.token)
    try:
        call = make()
    except InvalidInput as error:
        return Rejected(Failure(FailureKind.INVALID, clean(str(error), secrets)))
    reply = await exchange(connection.http, call, seconds)
    return await digest(reply, lambda answer: read(answer, secrets))
