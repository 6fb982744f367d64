"""Google's token service (https://developers.google.com/identity/protocols/oauth2/service-account)."""

from __future__ import annotations

from aiohttp import web

from storyjob.simulator.fault import Status
from storyjob.simulator.world import World

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class GoogleToken:
    """Gives an access token for any signed assertion: whose key it is, nobody here knows."""

    name = "oauth2"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the one endpoint."""
        return [web.post("/token", self._token)]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error", "error_description"}``."""
        description = fault.message or "Invalid JWT Signature."
        return web.json_response({"error": "invalid_grant", "error_description": description}, status=fault.status)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != _GRANT or str(form.get("assertion")).count(".") != 2:
            return self.failure(Status(fault="status", status=400))
        return web.json_response({"access_token": "ya29.simulator", "expires_in": 3599, "token_type": "Bearer"})
