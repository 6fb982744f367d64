"""Liveness, readiness and metrics, for the kubelet and Prometheus."""

from __future__ import annotations

from aiohttp import web

from storyjob_webhook.metrics import Metrics


class Readiness:
    """Why the sidecar cannot serve yet; ready when there is no reason left."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def waits_for(self, what: str, reason: str) -> None:
        """Say that something is missing."""
        self._reasons[what] = reason

    def has(self, what: str) -> None:
        """Say that it is there now."""
        self._reasons.pop(what, None)

    def tell_access(self, problem: str | None) -> None:
        """Say what CRDs or rights are waited for, None once all are there."""
        if problem is None:
            self.has("access")
        else:
            self.waits_for("access", problem)

    @property
    def reasons(self) -> dict[str, str]:
        return dict(self._reasons)


def routes(readiness: Readiness, metrics: Metrics) -> list[web.RouteDef]:
    """Return the routes of `/livez`, `/readyz` and `/metrics`."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        reasons = readiness.reasons
        body = {"status": "waiting" if reasons else "ok", "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return [web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", show)]
