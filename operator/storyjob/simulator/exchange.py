"""One request and its answer, as the fault script lets it happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from storyjob.simulator.fault import (
    AcceptThen500,
    AcceptThenDrop,
    AnswerFault,
    Drop,
    HugeBody,
    NotJson,
    Route,
    Status,
)
from storyjob.simulator.ledger import Entry
from storyjob.simulator.script import FaultScript, Subject

Act = Callable[[], Awaitable[web.StreamResponse]]
"""Does what the request asks for and returns the vendor's answer."""

_GATEWAY_PAGE = "<html><body><h1>Please wait</h1><p>Checking your browser.</p></body></html>"


class Vendor(Protocol):
    """One vendor's wire format."""

    name: str

    def routes(self) -> list[web.RouteDef]:
        """Return the vendor's endpoints, paths relative to its base."""
        ...

    def failure(self, fault: Status) -> web.Response:
        """Return an error in the vendor's shape."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request is for."""

    route: Route
    subject: Subject
    entry: Entry | None = None
    """The ledger's line, for a submission."""


async def exchange(
    request: web.Request, vendor: Vendor, faults: FaultScript, visit: Visit, act: Act
) -> web.StreamResponse:
    """Answer a request, and write into the ledger how a submission went."""
    if visit.entry is not None:
        visit.entry.caller = request.remote
    latency = faults.latency(visit.route, visit.subject)
    spoiled = faults.answer(visit.route, visit.subject)
    if latency and latency.when == "before":
        await asyncio.sleep(latency.seconds)
    answer, outcome = await _answer(request, vendor, spoiled, act)
    if visit.entry is not None:
        visit.entry.outcome = outcome
    if latency and latency.when == "after":
        await asyncio.sleep(latency.seconds)
    return answer


async def read_object(request: web.Request) -> dict[str, Any] | None:
    """Return the body as a JSON object, or None when it is not one."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


async def _answer(
    request: web.Request, vendor: Vendor, fault: AnswerFault | None, act: Act
) -> tuple[web.StreamResponse, str]:
    match fault:
        case Status(status=status):
            return vendor.failure(fault), f"rejected {status}"
        case Drop():
            return _hang_up(request), "dropped"
        case _:
            answer = await act()
    if fault is None or answer.status >= 400:
        return answer, "accepted" if answer.status < 400 else f"rejected {answer.status}"
    match fault:
        case AcceptThenDrop():
            return _hang_up(request), "dropped-after-accept"
        case AcceptThen500():
            error = Status(fault="status", status=500, message="Internal Server Error")
            return vendor.failure(error), "500-after-accept"
        case NotJson():
            return web.Response(text=_GATEWAY_PAGE, content_type="text/html"), "not-json-after-accept"
        case HugeBody(megabytes=megabytes):
            return await _flood(request, megabytes), "huge-body-after-accept"


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _flood(request: web.Request, megabytes: int) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/json"})
    await answer.prepare(request)
    try:
        await answer.write(b'{"detail":"')
        for _ in range(megabytes):
            await answer.write(b"x" * 2**20)
        await answer.write_eof(b'"}')
    except ConnectionError:
        # The client had enough, as it should.
        answer.force_close()
    return answer
