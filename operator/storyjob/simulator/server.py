"""The HTTP server: each vendor under its own base path, the world behind them."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from storyjob.simulator.control import Control
from storyjob.simulator.download import Downloads
from storyjob.simulator.fault import Fault
from storyjob.simulator.media.real import RealStudio
from storyjob.simulator.media.small import SmallStudio
from storyjob.simulator.settings import MediaMode, Settings
from storyjob.simulator.vendors import VENDORS
from storyjob.simulator.world import World

_MAX_REQUEST_BYTES = 64 * 2**20  # a clip's first picture comes as base64
_SHUTDOWN_SECONDS = 1.0


def build_app(world: World) -> web.Application:
    """Return the application that serves a world."""
    app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
    for name, vendor in VENDORS.items():
        _mount(app, f"/{name}", vendor(world).routes())
    _mount(app, "/files", Downloads(world).routes())
    _mount(app, "/_sim", Control(world).routes())
    return app


@asynccontextmanager
async def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: list[Fault] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[str]:
    """Run a simulator while the context is open and yield its base URL; port 0 picks a free one."""
    studio = RealStudio() if settings.media is MediaMode.REAL else SmallStudio()
    with tempfile.TemporaryDirectory(prefix="storyjob-simulator-") as folder:
        world = World(settings, studio, Path(folder))
        world.faults.add(faults or [])
        runner = web.AppRunner(build_app(world), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            bound = runner.addresses[0][1]
            yield f"{'https' if tls else 'http'}://{'127.0.0.1' if host == '0.0.0.0' else host}:{bound}"  # noqa: S104
        finally:
            # The world first: requests that wait for a job must not hold up the shutdown.
            await world.close()
            await runner.cleanup()


def _mount(app: web.Application, base: str, routes: list[web.RouteDef]) -> None:
    app.router.add_routes([web.route(route.method, base + route.path, route.handler) for route in routes])
