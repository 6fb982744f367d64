"""What the small HTTP services of the tests share: a real server, and an account of what it was asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]


@dataclass
class Asked:
    """One request that reached a service. ``body`` is its JSON, or the parts of its form."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Service:
    """An HTTP service; ``bought`` holds the jobs it took, in order."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    bought: list[Json] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """Given to the next requests instead of what the service would say."""
    drop: bool = False
    """Whether the next submit is taken and its connection closed without an answer."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add what the service answers to: nothing, where it only gives the answers that a test prepared."""

    def submits(self) -> list[Asked]:
        """Return the requests that buy."""
        return [asked for asked in self.asked if asked.method in ("POST", "PUT")]

    @web.middleware
    async def keep_account(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Note each request, and answer what the test prepared, if it did."""
        body: Any = None
        if request.content_type == "application/json" and request.can_read_body:
            body = await request.json()
        elif request.content_type.startswith("multipart/"):
            parts = await request.post()
            body = {name: part.file.read() if isinstance(part, web.FileField) else part for name, part in parts.items()}
        self.asked.append(Asked(request.method, request.path, dict(request.headers), body))
        if self.answers:
            return self.answers.pop(0)
        response: web.StreamResponse = await handler(request)
        if self.drop and request.method in ("POST", "PUT") and request.transport is not None:
            self.drop = False
            request.transport.abort()
        return response


@asynccontextmanager
async def serving(service: Service, *, host: str = "127.0.0.1") -> AsyncIterator[Service]:
    """Run a service on a free port."""
    app = web.Application(middlewares=[service.keep_account], client_max_size=64 * 2**20)
    service.add_routes(app.router)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    service.url = f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


@contextmanager
def serving_apart(service: Service) -> Iterator[Service]:
    """Run a service in a thread of its own, for tests that do not run in a loop."""
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(service):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not ready.wait(timeout=30):
        raise TimeoutError("the service did not begin to listen within 30 s")
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(timeout=30)
        loop.close()
