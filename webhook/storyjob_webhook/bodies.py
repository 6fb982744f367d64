"""Reads requests' bodies: how large they may be, how long they may take, and how many of them there may be at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from storyjob_webhook.refusal import Refusal, try_later

BODY_SECONDS = 10.0
MAX_BODY = 8 * 2**20  # bytes; Replicate repeats the input, a still as a data URL included
# Readers at once. Whoever holds a token could send slow bodies until every connection is taken; and a tenant holds
# the tokens of many jobs who is their own vendor.
PER_SENDER, PER_TENANT, READERS = 32, 128, 256
# Bytes held at once for one tenant and for all. The first ones of a body are free: large bodies must not keep out
# small ones, which nearly all are.
FREE, TENANT_BYTES, ALL_BYTES = 16 * 2**10, 10 * 2**20, 16 * 2**20
_ALL = "*"  # no tenant's name


class Bodies:
    """The bodies that are being read or judged, of all requests of a port."""

    def __init__(self) -> None:
        self._readers: Counter[Hashable] = Counter()
        self._bytes: Counter[str] = Counter()

    @asynccontextmanager
    async def read(
        self, request: web.Request, tenant: str, sender: Hashable, *, limit: int = MAX_BODY
    ) -> AsyncIterator[bytes]:
        """Give the raw body for as long as it is needed. Raises a 413, 408, 400 or 503 ``Refusal``."""
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        with self._place(tenant, sender), self._room(tenant) as take:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _whole(request, limit, take)
            except TimeoutError as error:
                raise Refusal(408, "BodyTooSlow", f"the body did not come within {BODY_SECONDS:.0f} s") from error
            except (web.RequestPayloadError, ConnectionError) as error:
                raise Refusal(400, "BodyBroken", "the body ended early or is malformed") from error
            yield body

    @contextmanager
    def _place(self, tenant: str, sender: Hashable) -> Iterator[None]:
        places = (((tenant, sender), PER_SENDER), ((tenant,), PER_TENANT), (_ALL, READERS))
        if any(self._readers[place] >= most for place, most in places):
            raise try_later("Busy", "too many requests at once")
        for place, _ in places:
            self._readers[place] += 1
        try:
            yield
        finally:
            for place, _ in places:
                self._readers[place] -= 1
                if not self._readers[place]:
                    del self._readers[place]

    @contextmanager
    def _room(self, tenant: str) -> Iterator[_Take]:
        take = _Take(self._bytes, tenant)
        try:
            yield take
        finally:
            take.give_back()


class _Take:
    """What one body takes of the room for all."""

    def __init__(self, held: Counter[str], tenant: str) -> None:
        self._held = held
        self._tenant = tenant
        self._size = 0

    def __call__(self, size: int) -> None:
        """Take in a part of a body. Raises a 503 ``Refusal``."""
        counted = max(0, self._size + size - FREE) - max(0, self._size - FREE)
        if counted and (self._held[self._tenant] + counted > TENANT_BYTES or self._held[_ALL] + counted > ALL_BYTES):
            raise try_later("Busy", "too many large requests at once")
        self._size += size
        for holder in (self._tenant, _ALL):
            self._held[holder] += counted

    def give_back(self) -> None:
        counted = max(0, self._size - FREE)
        for holder in (self._tenant, _ALL):
            self._held[holder] -= counted
            if not self._held[holder]:
                del self._held[holder]


async def _whole(request: web.Request, limit: int, take: _Take) -> bytes:
    parts, size = [], 0
    while part := await _next(request):
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        take(len(part))
        parts.append(part)
    return b"".join(parts)


async def _next(request: web.Request) -> bytes:
    try:
        return await request.content.readany()
    except RuntimeError as error:
        # How aiohttp says that the connection was lost before anybody waited for more of it.
        if not request.protocol.connected:
            raise ConnectionError("the connection is gone") from error
        raise


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "BodyTooLarge", f"the body may have {limit} bytes")
