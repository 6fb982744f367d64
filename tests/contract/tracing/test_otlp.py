"""OpenTelemetry's SDK sends our spans as they are, by its standard variables, and never makes anybody wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from storyjob.tracing import otlp
from storyjob.tracing.otlp import OtlpTracer
from storyjob.tracing.span import Parent, Span, Trace
from support.collector import Collector, collecting

START = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
END = START + timedelta(seconds=3)
SAMPLED = Trace(0xABC, Parent(0xABC, 0xDEF, sampled=True))


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def a_span(trace: Trace = SAMPLED, span_id: int = 1, parent: int | None = 0xDEF, error: str | None = None) -> Span:
    return Span("story", trace, span_id, parent, START, END, {"storyjob.attempt": 1}, error, (("callback", END),))


async def sent(*spans: Span) -> None:
    tracer = OtlpTracer()
    tracer.send(spans)
    await tracer.close()


async def test_a_span_arrives_as_it_was(collector: Collector) -> None:
    await sent(a_span(), a_span(span_id=2, parent=1, error="Throttled"))
    first, second = sorted(collector.came, key=lambda span: span.id)

    assert (first.trace, first.id, first.parent) == (f"{0xABC:032x}", f"{1:016x}", f"{0xDEF:016x}")
    assert (first.start, first.end) == (START.timestamp(), END.timestamp())
    assert (first.attributes, first.error, first.events) == ({"storyjob.attempt": 1}, "", ("callback",))
    assert (second.parent, second.error, second.attributes["error.type"]) == (f"{1:016x}", "Throttled", "Throttled")
    assert first.service == "storyjob-operator"


async def test_the_standard_variables_hold(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "films")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    await sent(a_span())

    assert [span.service for span in collector.came] == ["films"]
    assert collector.headers[0]["api-key"] == "secret"


@pytest.mark.parametrize(
    ("sampler", "parent", "arrive"),
    [
        pytest.param(None, Parent(0xABC, 1, sampled=True), True, id="the pipeline's trace is sampled"),
        pytest.param(None, Parent(0xABC, 1, sampled=False), False, id="the pipeline's trace is not sampled"),
        pytest.param(None, None, True, id="a trace of its own"),
        pytest.param("always_off", None, False, id="nobody wants any"),
        pytest.param("parentbased_always_off", Parent(0xABC, 1, sampled=True), True, id="only those of pipelines"),
    ],
)
async def test_whole_traces_are_sampled(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, sampler: str | None, parent: Parent | None, arrive: bool
) -> None:
    if sampler is not None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    trace = Trace(0xABC, parent)
    await sent(a_span(trace), a_span(trace, span_id=2, parent=1))

    assert len(collector.came) == (2 if arrive else 0)


async def test_two_processes_send_the_very_same(collector: Collector) -> None:
    await sent(a_span())
    await sent(a_span())

    assert len(collector.came) == 2
    assert len(collector.spans()) == 1


async def test_a_collector_that_does_not_answer_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    connected, over = threading.Event(), asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    tracer = OtlpTracer()
    tracer.send([a_span()])
    assert await asyncio.to_thread(connected.wait, 30)
    tracer.send(a_span(span_id=number) for number in range(1, 1000))  # far more than are kept
    monkeypatch.setattr(otlp, "CLOSE_SECONDS", 0.1)
    await tracer.close()
    # It was left behind, still waiting for its answer.
    assert any(thread.name.startswith("OtelBatchSpan") for thread in threading.enumerate())
    over.set()
    server.close()
