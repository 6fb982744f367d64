"""A web server on the loopback that does what it is told, good or bad."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

from support.media import clip, picture, sound


@dataclass
class Server:
    """``seen`` holds path and headers of each request; ``asked`` is set by the first."""

    port: int = 0
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


_SERVER = web.AppKey("server", Server)


@asynccontextmanager
async def hostile_server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app[_SERVER] = server
    app.router.add_get("/{what:.*}", _answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


async def _answer(request: web.Request) -> web.StreamResponse:
    server = request.app[_SERVER]
    what = request.match_info["what"]
    server.seen.append((what, dict(request.headers)))
    server.asked.set()
    if what.startswith("status/"):
        return web.Response(status=int(what.removeprefix("status/")))
    if what.startswith("to/"):
        return web.Response(status=302, headers={"location": request.query["url"]})
    if what in _BODIES:
        body, headers = _BODIES[what]()
        return web.Response(body=body, headers=headers)
    return await _stream(request, what)


_BODIES = {
    "picture.png": lambda: (picture(), {"content-type": "application/octet-stream"}),
    "sound.mp3": lambda: (sound(), {"content-type": "image/png"}),
    "clip.mp4": lambda: (clip(), {"content-type": "video/mp4"}),
    "page.png": lambda: (b"<html>Not found</html>", {"content-type": "image/png"}),
    "empty": lambda: (b"", {}),
    "half.mp4": lambda: (clip(3.0)[:-9000], {}),
    "picture.gz": lambda: (gzip.compress(picture()), {"content-encoding": "gzip"}),
    "half.gz": lambda: (gzip.compress(picture())[:-20], {"content-encoding": "gzip"}),
    "bomb.gz": lambda: (zlib.compress(bytes(30 << 20)), {"content-encoding": "deflate"}),
    "picture.br": lambda: (b"whatever", {"content-encoding": "br"}),
}


async def _stream(request: web.Request, what: str) -> web.StreamResponse:
    response = web.StreamResponse()
    if what == "huge":
        response.content_length = 10 << 30
    elif what == "short":
        response.content_length = len(picture()) + 100
    await response.prepare(request)
    with suppress(ConnectionError):
        if what == "endless":
            while True:
                await response.write(bytes(1 << 16))
        if what == "drip":
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)
        if what == "silent":
            await asyncio.sleep(30)
        await response.write(picture())
        if request.transport is not None:
            request.transport.close()
    return response
