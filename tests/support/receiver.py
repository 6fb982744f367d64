"""A server that takes callbacks, in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Receiver:
    """A server that takes callbacks and keeps them as they came."""

    url: str = ""
    taken: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    async def take(self, request: web.Request) -> web.Response:
        """Keep one callback."""
        self.taken.put_nowait((dict(request.headers), await request.read()))
        return web.Response()

    async def next(self) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of the next callback."""
        async with asyncio.timeout(30):
            return await self.taken.get()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook?token=abc"
        yield receiver
    finally:
        await runner.cleanup()
