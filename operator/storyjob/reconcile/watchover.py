"""Acts on attempts that are alive: asks, adopts, stops, recovers. One task per attempt at a time."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import httpx

from storyjob.ambient import now
from storyjob.api.errors import CredentialsError, OutputExpired
from storyjob.api.outcome import Accepted, Failure, FailureKind, JobPhase, Observation
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.cluster.cache import Key
from storyjob.killpoint import Act, crossing
from storyjob.media.keep import Made, Slot
from storyjob.media.record import read_record
from storyjob.media.recover import recover as find_stored
from storyjob.planning import step as turns
from storyjob.planning.actions import Recover
from storyjob.planning.cost import worked
from storyjob.planning.live import after_stop
from storyjob.planning.retry import after_failure
from storyjob.providers.base import Job, Provider
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.halts import note_refusal
from storyjob.reconcile.keeping import keep_result, prices_of, step_output
from storyjob.reconcile.remember import lose, remember
from storyjob.reconcile.telemetry import asking, request_to, told
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

SHOWS_AFTER = timedelta(seconds=30)


async def adopt(world: World, attempt: AttemptRef, job_id: str) -> None:
    """Take over the job that a callback with our token told of."""
    with crossing(Act.ADOPT):
        await remember(world, attempt, lambda step: turns.accept(step, Accepted(job_id), step.intent_at or now()))


async def ask(world: World, attempt: AttemptRef, step: StepStatus, provider: Key) -> None:
    """Ask the provider about the job and act on the answer."""
    adapter = await adapter_of(world, provider)
    memory = world.desk.memory(attempt.step, attempt.token_hash)
    # A callback that comes while we ask is newer than the answer, so the time is that of the question.
    world.desk.remember(attempt.step, attempt.token_hash, replace(memory, asked_at=now()))
    if adapter is None or step.job_id is None:
        return
    with asking(world, provider, step, memory.asked_at):
        observation = await adapter.observe(job_of(attempt, step))
    told(world, attempt, provider, observation)
    await observed(world, attempt, step, observation)


async def stop(world: World, attempt: AttemptRef, step: StepStatus, provider: Key) -> None:
    """Tell the provider to stop a job that shall end; its end is then seen by asking."""
    adapter, taken = await adapter_of(world, provider), False
    if adapter is not None and step.job_id is not None:
        try:
            with crossing(Act.CANCEL), request_to(world, provider, "cancel"):
                await adapter.cancel(job_of(attempt, step))
            taken = True
        except httpx.HTTPError as error:
            _log.warning("%s %s could not be cancelled: %s", attempt.scene, attempt.kind, error)
    memory = world.desk.memory(attempt.step, attempt.token_hash)
    world.desk.remember(attempt.step, attempt.token_hash, after_stop(memory, now(), taken=taken))


async def recover(world: World, attempt: AttemptRef, step: StepStatus, action: Recover) -> None:
    """Look whether an orphan's bytes were stored before its holder died; else say that its outcome is unknown."""
    if not await _found_in_bucket(world, attempt, step):
        await lose(world, attempt, action.reason, action.message)


async def _found_in_bucket(world: World, attempt: AttemptRef, step: StepStatus) -> bool:
    """Whether this very attempt's bytes were stored; if so, the step has succeeded."""
    if step.input_hash is None:
        return False
    layout = world.layout(attempt.scene.namespace)
    record = await read_record(world.store, layout.record(step.input_hash))
    if record is None or record.token_hash != attempt.token_hash:
        slot = Slot(layout, step.input_hash, attempt.token_hash)
        made = Made(step.provider or "", step.model or "", now(), step.job_id)
        record = await find_stored(world.store, slot, made, kind=attempt.kind, directory=world.work_dir)
    if record is None:
        return False
    output, cost, job_id = step_output(world, record), record.cost, record.job_id
    await remember(world, attempt, lambda fresh: turns.store(fresh, output, cost, now(), job_id))
    return True


async def observed(world: World, attempt: AttemptRef, step: StepStatus, observation: Observation) -> None:
    """Carry out what the provider's answer means."""
    match observation.phase:
        case JobPhase.SUCCEEDED if observation.result is not None:
            try:
                await keep_result(world, attempt, step, observation.result, step.job_id)
            except OutputExpired as error:
                lost = Recover(Reason.OUTPUT_LOST, f"The provider made it, but its link is dead: {error}")
                await recover(world, attempt, step, lost)
        case JobPhase.GONE if _young(step) and not _unwanted(world, attempt):
            _log.info("%s %s: the provider does not know its job yet", attempt.scene, attempt.kind)
        case JobPhase.GONE:
            message = observation.message or "The provider no longer knows the job or its output."
            await recover(world, attempt, step, Recover(Reason.OUTPUT_LOST, message))
        case JobPhase.SUCCEEDED | JobPhase.FAILED | JobPhase.CANCELED:
            await _ended_badly(world, attempt, step, observation)
        case JobPhase.UNREACHABLE:
            await _not_told(world, attempt, step, observation)
        case JobPhase.QUEUED | JobPhase.RUNNING:
            if observation.message:
                _log.info("%s %s: %s", attempt.scene, attempt.kind, observation.message)


async def _not_told(world: World, attempt: AttemptRef, step: StepStatus, observation: Observation) -> None:
    """Leave the attempt as it is, since the job may be paid for, and tell a person of what only they can mend."""
    failure = observation.failure
    why = failure.message if failure else observation.message
    _log.warning("%s %s: no answer about its job: %s", attempt.scene, attempt.kind, why)
    if failure is None:
        return
    if step.provider:
        note_refusal(world, Key(attempt.scene.namespace, step.provider), failure)
    scene = world.caches.scenes.get(attempt.scene)
    if failure.kind is FailureKind.INVALID and scene is not None:
        note = f"{attempt.kind}: {failure.message}"
        await world.events.tell("Scene", scene.metadata, Reason.INVALID_REQUEST, note, level="Warning", occasion="")


async def _ended_badly(world: World, attempt: AttemptRef, step: StepStatus, observation: Observation) -> None:
    failure = observation.failure or Failure(
        FailureKind.FAILED, observation.message or f"The job is {observation.phase}."
    )
    policy = world.retry_policy(attempt.scene)
    cost = observation.cost
    if cost is None:
        cost = worked(prices_of(world, attempt, step), step.model or "", observation.compute_seconds)

    def turn(step: StepStatus) -> StepStatus:
        end = after_failure(failure, step.failures, policy, now=now())
        return turns.fail(step, failure.message, end, now(), cost)

    if step.provider:
        note_refusal(world, Key(attempt.scene.namespace, step.provider), failure)
    await remember(world, attempt, turn)


def _young(step: StepStatus) -> bool:
    """Whether a provider may not show the job yet, because it took it only now."""
    return step.submitted_at is not None and now() < step.submitted_at + SHOWS_AFTER


def _unwanted(world: World, attempt: AttemptRef) -> bool:
    """Whether its story is gone or going, so that nobody waits for a job to be shown."""
    scene = world.caches.scenes.get(attempt.scene)
    if scene is None or not scene.metadata.terminating:
        return False
    story = world.story_of(scene)
    return story is None or story.metadata.terminating


def job_of(attempt: AttemptRef, step: StepStatus) -> Job:
    """Return what the adapter needs to find the job."""
    return Job(step.job_id or "", attempt.kind, step.model or "", step.handles or {})


async def adapter_of(world: World, key: Key) -> Provider | None:
    """Return who is to be asked, None when its credentials never could be read."""
    # After a restart a job may be due before anybody has read its provider's credentials.
    provider = world.caches.providers.get(key)
    if provider is not None:
        await world.vendors.refresh(provider)
    try:
        return world.vendors.adapter(key)
    except CredentialsError as error:
        _log.warning("nobody can be asked: %s", error)
        return None
