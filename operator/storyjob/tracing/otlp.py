"""Sends spans by OTLP over HTTP with OpenTelemetry's SDK. Needs the extra ``otel``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from storyjob.tracing.span import Span, Trace

CLOSE_SECONDS = 5.0  # for what waits, when the process ends
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OtlpTracer:
    """Hands spans to a thread that sends them; one that the collector does not take in time is dropped."""

    on = True

    def __init__(self) -> None:
        """Read the SDK's OTEL_* variables. Raises ``ValueError`` for one that it cannot use."""
        provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._sampler, self._resource = provider.sampler, provider.resource
        self._scope = InstrumentationScope("storyjob", version("storyjob-operator"))
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def send(self, spans: Iterable[Span]) -> None:
        """Send those spans whose trace is sampled."""
        for span in spans:
            if self._sampled(span.trace):
                self._processor.on_end(self._readable(span))

    async def close(self) -> None:
        """Send what waits; after some seconds leave it."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_SECONDS)

    def _sampled(self, trace: Trace) -> bool:
        """Ask for the whole trace: the samplers decide by its id or its parent, so all its spans share one fate."""
        parent, context = trace.parent, Context()
        if parent is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
            remote = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(remote), context)
        return self._sampler.should_sample(context, trace.trace_id, "story").decision is Decision.RECORD_AND_SAMPLE

    def _readable(self, span: Span) -> ReadableSpan:
        above = span.trace.parent
        parent = None
        if span.parent_id is not None:
            remote = above is not None and span.parent_id == above.span_id
            parent = _context(span.trace.trace_id, span.parent_id, remote=remote)
        errors = {"error.type": span.error} if span.error is not None else {}
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace.trace_id, span.span_id),
            parent=parent,
            resource=self._resource,
            attributes={**span.attributes, **errors},
            events=[Event(name, timestamp=_nanoseconds(at)) for name, at in span.events],
            status=Status(StatusCode.ERROR, span.error) if span.error is not None else Status(StatusCode.UNSET),
            start_time=_nanoseconds(span.start),
            end_time=_nanoseconds(span.end),
            instrumentation_scope=self._scope,
        )


def _resource() -> Resource:
    """Return who sends: not which process, since whoever leads tells the same of a story."""
    sdk = {key: value for key, value in Resource.create().attributes.items() if key.startswith("telemetry.")}
    ours = {SERVICE_NAME: "storyjob-operator", SERVICE_VERSION: version("storyjob-operator")}
    return Resource({**sdk, **ours, **OTELResourceDetector().detect().attributes})


def _context(trace_id: int, span_id: int, *, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
