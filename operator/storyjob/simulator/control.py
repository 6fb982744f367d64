"""The simulator's own endpoints under ``/_sim``: health, ledger, statistics, fault script."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import ValidationError

from storyjob.simulator.fault import SCRIPT
from storyjob.simulator.world import World


class Control:
    """What tests and demos steer the world with. Needs no key: bind it to loopback."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/health", self._health),
            web.get("/stats", self._stats),
            web.get("/ledger", self._show_ledger),
            web.delete("/ledger", self._reset_ledger),
            web.get("/faults", self._show_faults),
            web.post("/faults", self._add_faults),
            web.delete("/faults", self._clear_faults),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.ledger.stats())

    async def _show_ledger(self, _: web.Request) -> web.Response:
        return web.json_response([entry.as_json() for entry in self._world.ledger.entries])

    async def _reset_ledger(self, _: web.Request) -> web.Response:
        self._world.ledger.clear()
        return web.Response(status=204)

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.faults.pending())

    async def _add_faults(self, request: web.Request) -> web.Response:
        try:
            self._world.faults.add(SCRIPT.validate_json(await request.read()))
        except ValidationError as error:
            return web.json_response({"detail": describe(error)}, status=422)
        return web.json_response(self._world.faults.pending(), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.Response(status=204)


def describe(error: ValidationError) -> list[dict[str, Any]]:
    """Return what is wrong with a fault script: the field's path, as in ``0.latency.seconds``, and why."""
    return [
        {"field": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
        for problem in error.errors(include_url=False, include_context=False)
    ]
