"""Brings what was paid for into the bucket, and does not let go of it before it is there."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from storyjob.ambient import now
from storyjob.api.errors import CredentialsError, MediaError, OutputExpired, OutputUnreachable, StorageError
from storyjob.api.mediaprovider import Price
from storyjob.api.outcome import Failure, FailureKind, Output, Result
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepOutput, StepStatus
from storyjob.api.step import StepPhase
from storyjob.cluster.cache import Key
from storyjob.killpoint import Act, crossing
from storyjob.media.fetch import Fetched
from storyjob.media.keep import Made, Slot, keep
from storyjob.media.record import Record
from storyjob.planning import step as turns
from storyjob.planning.cost import delivered
from storyjob.planning.retry import after_failure
from storyjob.reconcile import metrics
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.fetching import fetch_result
from storyjob.reconcile.holding import can_be_asked, fetch_time, hold, out_of_reach, refused
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import remember, wake_story
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

FOLLOWED_AFTER = 0.2  # seconds; by then whoever comes after the next is to be known
FIRST_PAUSE, FIRST_FETCH_PAUSE, LONGEST_PAUSE = 0.5, 5.0, 30.0  # seconds


async def keep_result(world: World, attempt: AttemptRef, step: StepStatus, result: Result, job_id: str | None) -> None:
    """Fetch a result, store it, and write that it is stored; or write why it cannot be taken.

    ``step`` is the attempt as it was when the result came. Raises ``OutputExpired`` when the link is dead. Without the
    credentials that a download needs, nothing is written.
    """
    world.desk.generated.add(attempt.step)
    followers = world.desk.followers(attempt.step)
    for provider, follower in followers:
        world.traffic.go_first(follower)
        world.enqueue(Kind.PROVIDER, provider)
    # Who comes next is decided already, and begins before the story is looked at.
    wake_story(world, attempt.scene, after=FOLLOWED_AFTER if followers else 0.0)
    made_at = now()
    try:
        async with world.keeping.turn():
            await world.traffic.give_way()
            with metrics.STORE_SECONDS.time():
                await _keep(world, attempt, step, result, job_id, made_at)
    finally:
        world.desk.generated.discard(attempt.step)


async def _keep(
    world: World, attempt: AttemptRef, step: StepStatus, result: Result, job_id: str | None, made_at: datetime
) -> None:
    with tempfile.TemporaryDirectory(dir=world.work_dir, prefix="result-") as folder:
        job = job_id or step.job_id
        try:
            fetched = await _fetch(world, attempt, step, result.output, Path(folder), job)
        except OutputExpired:
            raise
        except OutputUnreachable as error:
            await out_of_reach(world, attempt, step, str(error), job)
            return
        except CredentialsError as error:
            await refused(world, attempt, str(error))
            return
        except MediaError as error:
            await _cannot_take(world, attempt, str(error))
            return
        prices = prices_of(world, attempt, step)
        priced = replace(result, cost=delivered(prices, step.model or "", result, fetched.media.seconds))
        record = await _store(world, attempt, step, priced, fetched, job_id)
    metrics.STORED_BYTES.labels(attempt.kind).inc(record.bytes)
    output = step_output(world, record)
    if (scene := world.caches.scenes.get(attempt.scene)) is not None and (story := world.story_of(scene)) is not None:
        world.desk.film(story.metadata.uid).spoken[record.sha256] = record.spoken
    with crossing(Act.SUCCEEDED):
        await remember(world, attempt, lambda fresh: turns.store(fresh, output, priced.cost, now(), job_id, made_at))
    world.stored(step.input_hash)


def prices_of(world: World, attempt: AttemptRef, step: StepStatus) -> Sequence[Price]:
    """Return the prices of the provider that an attempt went to; none when it is gone."""
    provider = world.caches.providers.get(Key(attempt.scene.namespace, step.provider or ""))
    return provider.spec.prices if provider is not None else ()


async def _fetch(
    world: World, attempt: AttemptRef, step: StepStatus, output: Output, folder: Path, job: str | None
) -> Fetched:
    """Fetch a result. One of which nobody will tell again is fetched until its time is over: then it is lost."""
    until, pause = now() + fetch_time(world, attempt, step), FIRST_FETCH_PAUSE
    while True:
        try:
            return await fetch_result(world, attempt, step, output, folder)
        except OutputUnreachable as error:
            # One that was looked for, since its answer was lost, is looked for again.
            if can_be_asked(world, attempt, step, job) or step.phase is StepPhase.OUTCOME_UNKNOWN:
                raise
            if now() >= until:
                raise OutputExpired(f"{error}; its link was told only once") from error
            await out_of_reach(world, attempt, step, str(error), job)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def step_output(world: World, record: Record) -> StepOutput:
    """Return a record as it stands in a status."""
    return StepOutput(
        uri=world.store.uri(record.key),
        sha256=record.sha256,
        bytes=record.bytes,
        content_type=record.content_type,
        seconds=None if record.seconds is None else round(record.seconds, 3),
    )


async def _store(
    world: World, attempt: AttemptRef, step: StepStatus, result: Result, fetched: Fetched, job_id: str | None
) -> Record:
    """Store the bytes, however long the bucket refuses: they are paid for and may exist nowhere else."""
    fresh = step.intent_at is not None and step.intent_at > world.desk.awake_since
    slot = Slot(world.layout(attempt.scene.namespace), step.input_hash or "", attempt.token_hash, fresh)
    made = Made(step.provider or "", step.model or "", now(), job_id or step.job_id, result.cost)
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            record = await keep(world.store, fetched, slot, made, result.alignment)
        except StorageError as error:
            world.gate.storage = message = str(error)
            _log.warning("%s %s: %s; storing again in %.1f s", attempt.scene, attempt.kind, error, pause)
            if not told:
                await hold(world, attempt, Reason.STORAGE, message, job_id)
            told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            world.bucket_took_a_write()
            return record


async def _cannot_take(world: World, attempt: AttemptRef, message: str) -> None:
    """What was delivered is paid for and useless: the attempt failed, and its estimate counts as spent."""
    policy = world.retry_policy(attempt.scene)

    def turn(step: StepStatus) -> StepStatus:
        held = step if step.phase is not StepPhase.SUBMITTING else turns.hold(step, Reason.BAD_MEDIA, message, now())
        end = after_failure(Failure(FailureKind.FAILED, message), step.failures, policy, now=now())
        cost = Decimal(step.estimated_cost) if step.estimated_cost else None
        return turns.fail(held, message, replace(end, reason=Reason.BAD_MEDIA), now(), cost)

    await remember(world, attempt, turn)
