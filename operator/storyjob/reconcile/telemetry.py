"""Tells metrics and traces what ended: an attempt, a story. Nothing waits for it and nothing follows from it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from storyjob.ambient import monotonic, now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import JobPhase, Observation, Rejected, Submission, Unknown
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.cluster.cache import Key, key_of
from storyjob.planning.plan import Offer
from storyjob.planning.polling import fresh_callback
from storyjob.providers.semconv import gen_ai_provider
from storyjob.reconcile import metrics
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.world import World
from storyjob.tracing.story import step_spans, story_spans

ENDED = ("Completed", "Failed")
JOB_ENDED = (JobPhase.SUCCEEDED, JobPhase.FAILED, JobPhase.CANCELED)
NO_ANSWER = "NoAnswer"


def type_of(world: World, provider: Key) -> str:
    """Return the type of a MediaProvider, empty when it is gone."""
    known = world.caches.providers.get(provider)
    return known.spec.type if known is not None else ""


def step_ended(world: World, scene: Scene, kind: StepKind) -> None:
    """Take in that an attempt ended, or that a step was served from the bucket."""
    step = scene.step(kind)
    if not step.reused and step.intent_at is not None and step.finished_at is not None:
        vendor, model = _maker(world, scene, kind) or "", metrics.model_label(step.model)
        metrics.LAST_END.set_to_current_time()
        metrics.ATTEMPTS.labels(vendor, kind, step.phase).inc()
        metrics.SPEND.labels(vendor, model).inc(float(step.cost or 0))
        if step.phase is StepPhase.SUCCEEDED:
            took = (step.finished_at - step.intent_at).total_seconds()
            metrics.STEP_SECONDS.labels(vendor, model, kind).observe(max(0.0, took))
    _trace_step(world, scene, kind)


def story_moved(world: World, before: StoryJobStatus, story: StoryJob) -> None:
    """Take in a new status of a story: an end, or an edit or retry that took the place of a run under way."""
    after = story.status
    if after.completion_time is not None and after.completion_time != before.completion_time:
        metrics.LAST_END.set_to_current_time()
        if after.start_time is not None:
            took = (after.completion_time - after.start_time).total_seconds()
            metrics.STORY_SECONDS.labels(after.phase or "").observe(max(0.0, took))
        _trace_end(world, story)
    elif before.phase not in (None, *ENDED) and _run(before) != _run(after) and world.tracer.on:
        world.tracer.send(story_spans(story, before, (), now(), "Superseded"))


def story_gone(world: World, story: StoryJob) -> None:
    """Take in that a story goes; one that was not finished has its end now."""
    if world.tracer.on and story.status.phase not in ENDED:
        world.tracer.send(story_spans(story, story.status, (), now(), "Deleted"))


def tell_again(world: World, since: datetime) -> None:
    """Send again what ended since then, since whoever led may have died before it was sent."""
    if not world.tracer.on:
        return
    for scene in world.caches.scenes:
        for kind in StepKind:
            if (at := scene.step(kind).finished_at) is not None and at >= since:
                _trace_step(world, scene, kind)
    for story in world.caches.stories:
        if story.status.completion_time is not None and story.status.completion_time >= since:
            _trace_end(world, story)


def request_to(world: World, provider: Key, operation: str) -> AbstractContextManager[None]:
    """Measure how long a provider takes to answer."""
    return metrics.REQUEST_SECONDS.labels(type_of(world, provider), operation).time()


def asking(world: World, provider: Key, step: StepStatus, asked_at: datetime | None) -> AbstractContextManager[None]:
    """Measure a question about a job, and how long a callback lay there that made it due."""
    if step.callback is not None and fresh_callback(step, asked_at):
        lag = (now() - step.callback.at).total_seconds()
        metrics.CALLBACK_LAG_SECONDS.labels(type_of(world, provider)).observe(max(0.0, lag))
    return request_to(world, provider, "observe")


def told(world: World, attempt: AttemptRef, provider: Key, observation: Observation) -> None:
    """Count the answer to a question about a job."""
    vendor = type_of(world, provider)
    metrics.OBSERVATIONS.labels(vendor, attempt.kind, observation.phase).inc()
    if observation.failure is not None:
        metrics.ERRORS.labels(vendor, observation.failure.kind).inc()
    if observation.phase in JOB_ENDED and _should_have_been_told(world, attempt, provider):
        metrics.MISSED_CALLBACKS.labels(vendor).inc()


def waited(world: World, provider: MediaProvider, offers: list[Offer], admitted: list[Offer]) -> None:
    """Measure how long those who are admitted waited for room, and note since when the others do."""
    moment, key = monotonic(), key_of(provider)
    since, going = world.desk.held.get(key, {}), {offer.step for offer in admitted}
    for step in going & since.keys():
        metrics.WAIT_SECONDS.labels(provider.spec.type).observe(moment - since[step])
    world.desk.held[key] = {o.step: since.get(o.step, moment) for o in offers if o.step not in going}


def asked_to_pause(world: World, provider: Key) -> None:
    """Count that a provider asked to slow down."""
    metrics.PAUSES.labels(type_of(world, provider)).inc()


def answered(vendor: str, kind: StepKind, outcome: Submission) -> None:
    """Count the answer to a purchase."""
    metrics.SUBMISSIONS.labels(vendor, kind, type(outcome).__name__.lower()).inc()
    match outcome:
        case Rejected(failure):
            metrics.ERRORS.labels(vendor, failure.kind).inc()
        case Unknown():
            metrics.ERRORS.labels(vendor, NO_ANSWER).inc()


def _should_have_been_told(world: World, attempt: AttemptRef, provider: Key) -> bool:
    """Return whether a callback was asked for and has not said yet that the job ended."""
    known, scene = world.caches.providers.get(provider), world.caches.scenes.get(attempt.scene)
    if known is None or scene is None or not world.calls_back(known):
        return False
    step = scene.step(attempt.kind)
    return step.phase is StepPhase.RUNNING and not fresh_callback(step, None)


def _trace_step(world: World, scene: Scene, kind: StepKind) -> None:
    if world.tracer.on and (story := world.story_of(scene)) is not None:
        maker = _maker(world, scene, kind)
        world.tracer.send(step_spans(story, scene, kind, gen_ai_provider(maker) if maker else None))


def _trace_end(world: World, story: StoryJob) -> None:
    status = story.status
    if not world.tracer.on or status.completion_time is None:
        return
    scenes = world.scenes_of(story)
    # A story's own times are whole seconds, so its last step may end within the second in which it did.
    steps = [at for scene in scenes for kind in StepKind if (at := scene.step(kind).finished_at) is not None]
    end = max([status.completion_time, *steps])
    world.tracer.send(story_spans(story, status, scenes, end, status.phase or ""))


def _maker(world: World, scene: Scene, kind: StepKind) -> str | None:
    name = scene.step(kind).provider
    return (type_of(world, Key(scene.metadata.namespace, name)) or None) if name else None


def _run(status: StoryJobStatus) -> tuple[int, str | None]:
    return status.observed_generation, status.retry
