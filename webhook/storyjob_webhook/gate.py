"""What stands between the network and the handlers: connection and time limits, clean errors, no tokens in logs."""

from __future__ import annotations

import asyncio
import logging
import socket

from aiohttp import web
from aiohttp.typedefs import Handler

from storyjob_webhook.metrics import Metrics
from storyjob_webhook.refusal import Refusal

HEAD_SECONDS = 10  # for a request's head, and between two requests of a connection
LINGER_SECONDS = 2  # for what still comes of a body that was refused
CONNECTIONS = 768
HEAD_LINE = 4096  # bytes
HEADERS = 64
BACKLOG = 2048  # connections that wait to be accepted; one that finds no room comes again only after a second
# Of each connection, for what came and was not read yet: 768 of them must fit into the pod. The kernel doubles the
# socket's buffer, and hands on no more than that at once.
READ_BUFFER, SOCKET_BUFFER = 2**13, 2**14  # bytes

_log = logging.getLogger(__name__)
_http_log = logging.getLogger(f"{__name__}.http")
# aiohttp logs what it could not parse with the whole line, and a line holds a token.
_http_log.addFilter(lambda record: record.exc_info is None)

SERVED: web.AppKey[set[web.RequestHandler]] = web.AppKey("served", set)
"""The connections with a request in a handler."""


class Gate:
    """The connections of one port. When all are taken, the oldest one that is not being served makes room."""

    def __init__(self, app: web.Application, *, connections: int = CONNECTIONS, shutdown_seconds: float = 5) -> None:
        self._limit = connections
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_http_log,
            keepalive_timeout=HEAD_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=HEAD_LINE,
            max_field_size=2 * HEAD_LINE,
            max_headers=HEADERS,
            read_bufsize=READ_BUFFER,
            # A signature is over the bytes as they were sent, and nothing sent here needs to be unpacked.
            auto_decompress=False,
            shutdown_timeout=shutdown_seconds,
        )
        self._listener: asyncio.Server | None = None
        self._served = app[SERVED]

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port (the one that was free, for 0)."""
        await self._runner.setup()
        listener = _listening(host, port)
        self._listener = await asyncio.get_running_loop().create_server(self._admit, sock=listener, backlog=BACKLOG)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Accept nothing more and let what is being served finish."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    def _admit(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the port was closed")
        connections = server.connections
        if len(connections) >= self._limit:
            idle = next((one for one in connections if one not in self._served), None)
            if idle is None:
                return _Closed()
            idle.force_close()
        return server()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::")
    # Connections inherit it, and only before they are made.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    return listener


class _Closed(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def keep_door(app: web.Application, port: str, metrics: Metrics) -> web.Application:
    """Have every error turned into short JSON and every answer counted, and return the application."""

    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        served = request.app[SERVED]
        served.add(request.protocol)
        try:
            response = await _answer(request, handler)
        finally:
            served.discard(request.protocol)
        metrics.request(port, response.status)
        # Not which versions run here.
        response.headers["Server"] = "storyjob"
        return response

    app[SERVED] = set()
    app.middlewares.append(keep)
    return app


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPException as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return Refusal(error.status, error.reason.replace(" ", ""), error.reason, headers=allowed).response()
    except Exception:  # noqa: BLE001 (the border: whatever went wrong, the vendor gets a clear answer)
        # Only the path: the query holds a token.
        _log.exception("%s %s failed", request.method, request.path)
        return Refusal(500, "InternalError", "this is a defect of the sidecar; its log says more").response()
