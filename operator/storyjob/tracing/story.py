"""Reads a story's spans off its statuses: nothing that lives in memory only, so that any leader tells the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from storyjob.api.resource import TRACEPARENT_ANNOTATIONS
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.tracing.span import Parent, Span, Trace, Value, parse_traceparent, span_id_of, trace_id_of

OUTPUT_TYPES = {StepKind.IMAGE: "image", StepKind.AUDIO: "speech", StepKind.VIDEO: "video"}
"""As the conventions for generative AI call them; they have no word for a clip yet."""


def step_spans(story: StoryJob, scene: Scene, kind: StepKind, vendor: str | None) -> list[Span]:
    """Return the spans of a step's newest attempt, which has ended. ``vendor`` is who made it, as OpenTelemetry says.

    A step that was served from the bucket has one span of no length.
    """
    step = scene.step(kind)
    if step.finished_at is None:
        return []
    end, begun = step.finished_at, step.intent_at
    start = end if begun is None else min(begun, _waits_since(story, scene, step, begun))
    span_id = span_id_of(scene.metadata.uid, kind, step.attempt, end.isoformat())
    trace = trace_of(story)
    run = span_id_of(*_run(story, story.metadata.generation, story.metadata.retry_asked))
    failed = None if step.phase is StepPhase.SUCCEEDED else step.reason or step.phase
    about = _of_step(story, scene, kind, vendor)
    whole = Span(kind, trace, span_id, run, start, end, about, failed, _callbacks(step, end))
    parts = _parts(step, start, end)
    return [whole, *(Span(n, trace, span_id_of(span_id, n), span_id, a, max(a, b)) for n, a, b in parts)]


def story_spans(
    story: StoryJob, status: StoryJobStatus, scenes: Iterable[Scene], end: datetime, phase: str
) -> list[Span]:
    """Return the span of a run of a story that has ended, and that of its film. ``status`` is the last one of the run.

    A run is one generation of the spec, or what a retry was asked for.
    """
    first = status.observed_generation <= 1 and status.retry is None
    start = min(story.metadata.creation_timestamp if first else status.start_time or end, end)
    span_id = span_id_of(*_run(story, status.observed_generation, status.retry))
    trace = trace_of(story)
    about: dict[str, Value] = {
        **_of_story(story),
        "storyjob.story.generation": status.observed_generation,
        "storyjob.phase": phase,
        "storyjob.scenes": status.scenes.total,
        "storyjob.cost.usd": float(status.cost.spent),
    }
    parent = trace.parent.span_id if trace.parent is not None else None
    spans = [Span("story", trace, span_id, parent, start, end, about, phase if phase == "Failed" else None)]
    if phase == "Completed":
        stored = max((at for scene in scenes for at in _ends(scene)), default=start)
        spans.append(Span("film", trace, span_id_of(span_id, "film"), span_id, min(max(start, stored), end), end))
    return spans


def trace_of(story: StoryJob) -> Trace:
    """Return the story's trace: the one that its annotation names, else one of its own."""
    parent = parent_of(story)
    return Trace(parent.trace_id if parent is not None else trace_id_of(story.metadata.uid), parent)


def parent_of(story: StoryJob) -> Parent | None:
    """Return the span that made somebody apply the story, as its annotations tell."""
    annotations = story.metadata.annotations
    return next((found for key in TRACEPARENT_ANNOTATIONS if (found := parse_traceparent(annotations.get(key)))), None)


def _run(story: StoryJob, generation: int, retry: str | None) -> tuple[object, ...]:
    return story.metadata.uid, generation, retry


def _waits_since(story: StoryJob, scene: Scene, step: StepStatus, begun: datetime) -> datetime:
    """Return since when a step waited for its first attempt; since when for a later one, no status says."""
    if step.attempt > 1:
        return begun
    made, started = scene.metadata.creation_timestamp, story.status.start_time
    return made if started is None else max(made, started)


def _parts(step: StepStatus, start: datetime, end: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    if step.intent_at is None:
        return
    if start < step.intent_at:
        yield "wait", start, step.intent_at
    made = step.made_at or end
    yield "submit", step.intent_at, step.submitted_at or made
    if step.submitted_at is not None:
        yield "run", step.submitted_at, made
    if step.made_at is not None:
        yield "store", step.made_at, end


def _callbacks(step: StepStatus, end: datetime) -> tuple[tuple[str, datetime], ...]:
    known = step.callback
    if known is None or known.token_hash != step.token_hash or known.at > end:
        return ()
    return (("callback", known.at),)


def _ends(scene: Scene) -> Iterator[datetime]:
    for kind in StepKind:
        if (at := scene.step(kind).finished_at) is not None:
            yield at


def _of_story(story: StoryJob) -> dict[str, Value]:
    meta = story.metadata
    return {
        "k8s.namespace.name": meta.namespace,
        "storyjob.story.name": meta.name,
        "storyjob.story.uid": meta.uid,
    }


def _of_step(story: StoryJob, scene: Scene, kind: StepKind, vendor: str | None) -> dict[str, Value]:
    step = scene.step(kind)
    found: dict[str, Value | None] = {
        "storyjob.scene.name": scene.spec.name,
        "storyjob.attempt": step.attempt,
        "storyjob.phase": step.phase,
        "storyjob.reused": step.reused,
        "storyjob.provider": step.provider,
        "storyjob.cost.usd": float(step.cost) if step.cost is not None else None,
        "storyjob.output.bytes": step.output.bytes if step.output is not None else None,
        "gen_ai.operation.name": "generate_content",
        "gen_ai.output.type": OUTPUT_TYPES[kind],
        "gen_ai.provider.name": vendor,
        "gen_ai.request.model": step.model,
        "gen_ai.response.id": step.job_id,
    }
    return _of_story(story) | {key: value for key, value in found.items() if value is not None}
