"""Serves finished files, and spoils them when the fault script says so."""

from __future__ import annotations

from aiohttp import web

from storyjob.simulator.exchange import Vendor, Visit, exchange
from storyjob.simulator.fault import ExpiredLink, MediaFault, Route, Status, TruncatedMedia, WrongMedia
from storyjob.simulator.files import StoredFile
from storyjob.simulator.world import World

# A GIF of one pixel: valid media, and never what was asked for.
_ONE_PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


class Downloads:
    """The host that vendors' output links point to. Plain text errors, as a storage service has them."""

    name = "downloads"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the one endpoint."""
        return [web.get("/{key}/{name}", self._serve)]

    def failure(self, fault: Status) -> web.Response:
        """Return an error as text."""
        return web.Response(status=fault.status, text=fault.message or "error")

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        stored = self._world.files.find(request.match_info["key"])
        if stored is None:
            return web.Response(status=404, text="not found or expired")
        found = stored

        async def act() -> web.StreamResponse:
            fault = self._world.faults.media(found.subject)
            if isinstance(fault, ExpiredLink):
                return web.Response(status=fault.status, text="expired")
            return await _send(request, found, fault)

        vendor: Vendor = self
        return await exchange(request, vendor, self._world.faults, Visit(Route.DOWNLOAD, stored.subject), act)


def spoil(data: bytes, fault: MediaFault | None) -> bytes:
    """Return what is left of a file under a fault."""
    match fault:
        case TruncatedMedia(keep=keep):
            return data[: int(len(data) * keep)]
        case WrongMedia():
            return _ONE_PIXEL
        case _:
            return data


async def _send(request: web.Request, stored: StoredFile, fault: MediaFault | None) -> web.StreamResponse:
    if fault is None:
        return web.FileResponse(stored.path, headers={"Content-Type": stored.content_type})
    whole = stored.path.read_bytes()
    part = spoil(whole, fault)
    if not isinstance(fault, TruncatedMedia) or fault.honest:
        return web.Response(body=part, content_type=stored.content_type)
    answer = web.StreamResponse(headers={"Content-Type": stored.content_type, "Content-Length": str(len(whole))})
    await answer.prepare(request)
    await answer.write(part)
    if request.transport is not None:
        request.transport.close()
    return answer
