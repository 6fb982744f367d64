"""The operator's own port: is it alive, is it ready, and its metrics."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storyjob.api.settings import Settings
from storyjob.reconcile.metrics import REGISTRY


class Probes:
    """A tiny HTTP server; ``ready`` is set once the caches are filled."""

    def __init__(self, settings: Settings) -> None:
        self.ready = False
        self._waits_for: str | None = None
        self._settings = settings
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)

    def waits_for(self, problem: str | None) -> None:
        """Say what the operator waits for before it can begin."""
        self._waits_for = problem

    async def start(self) -> None:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.metrics_host, self._settings.metrics_port).start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.ready:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"{self._waits_for or 'still reading the cluster'}\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
