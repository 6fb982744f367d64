"""An OpenTelemetry collector: takes OTLP over HTTP on a port of its own and keeps the spans that came."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    """A span as it came over the wire; times in seconds."""

    name: str
    trace: str
    id: str
    parent: str
    start: float
    end: float
    attributes: dict[str, Any]
    error: str
    events: tuple[str, ...]
    service: str
    raw: bytes = field(repr=False)


class Collector:
    """What came, and how the sender introduced itself."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: list[dict[str, str]] = []
        self.came: list[Seen] = []

    def spans(self, story: str | None = None) -> list[Seen]:
        """Return the spans of a story by name, each once, in the order of their beginnings.

        One that came twice must have been the very same.
        """
        copies: dict[tuple[str, str], set[Seen]] = defaultdict(set)
        traces = {span.trace for span in self.came if story in (None, span.attributes.get("storyjob.story.name"))}
        for span in self.came:
            if span.trace in traces:
                copies[span.trace, span.id].add(span)
        assert all(len(same) == 1 for same in copies.values()), "a span came again as another one"
        return sorted((next(iter(same)) for same in copies.values()), key=lambda span: (span.start, -span.end))

    async def take(self, request: web.Request) -> web.Response:
        """Keep what one request brings."""
        assert request.content_type == "application/x-protobuf"
        self.headers.append(dict(request.headers))
        export = ExportTraceServiceRequest.FromString(await request.read())
        for resource in export.resource_spans:
            about = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.came += [_seen(span, about) for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector in a thread of its own, for tests that block."""
    collector, loop, ready = Collector(), asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/traces", collector.take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert ready.wait(30)
    try:
        yield collector
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def _seen(span: Any, resource: dict[str, Any]) -> Seen:
    return Seen(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano // 1000 / 1e6,
        end=span.end_time_unix_nano // 1000 / 1e6,
        attributes=_Frozen(_values(span.attributes)),
        error=span.status.message if span.status.code == 2 else "",
        events=tuple(event.name for event in span.events),
        service=str(resource.get("service.name")),
        raw=span.SerializeToString(deterministic=True),
    )


class _Frozen(dict[str, Any]):
    """Attributes of a value that can be compared and kept in a set."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, str(value)) for key, value in self.items())))


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
