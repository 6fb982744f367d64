"""Spreads work that comes in a rush, so that what is more urgent finds its turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pace:
    """Lets so many work at a time; each counts until it has ended, or for so many seconds.

    So a hundred quick pieces of work come a few at a time, and a few that wait for a slow network hold up nobody.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place and work inside of the block."""
        await self._places.acquire()
        counts = True

        def leave() -> None:
            nonlocal counts
            if counts:
                counts = False
                self._places.release()

        late = asyncio.get_running_loop().call_later(self._seconds, leave)
        try:
            yield
        finally:
            late.cancel()
            leave()
