"""Keeps hold of what is made and paid for while its host, its bucket or its credentials are in trouble."""

from __future__ import annotations

import logging
from datetime import timedelta

from storyjob.ambient import now
from storyjob.api.capabilities import Mode
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepPhase
from storyjob.cluster.cache import Key
from storyjob.planning import step as turns
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.remember import remember
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

FETCH_SECONDS = 1800  # how long a result is fetched whose MediaProvider is gone and cannot say


async def hold(world: World, attempt: AttemptRef, reason: Reason, message: str, job_id: str | None = None) -> None:
    """Write that the result exists and what keeps it from the bucket; again only when that is another thing."""

    def turn(step: StepStatus) -> StepStatus:
        if step.phase is StepPhase.STORING and step.reason == reason:
            return step
        return turns.hold(step, reason, message, now(), job_id)

    await remember(world, attempt, turn)


async def out_of_reach(world: World, attempt: AttemptRef, step: StepStatus, message: str, job_id: str | None) -> None:
    """Hold a result that its host does not hand out, and say so; the next question about its job leads here again."""
    note = f"The {attempt.kind} is made but cannot be fetched now: {message}"
    _log.warning("%s: %s", attempt.scene, note)
    scene = world.caches.scenes.get(attempt.scene)
    given_up = step.reason == Reason.OUTPUT_UNREACHABLE or not can_be_asked(world, attempt, step, job_id)
    if step.phase is StepPhase.OUTCOME_UNKNOWN and given_up:
        # Held anew, its grace period would begin anew, and what the user chose for it would never come.
        return
    held = scene is not None and scene.step(attempt.kind).reason == Reason.OUTPUT_UNREACHABLE
    await hold(world, attempt, Reason.OUTPUT_UNREACHABLE, note, job_id)
    if scene is not None and not held:
        await world.events.tell("Scene", scene.metadata, Reason.OUTPUT_UNREACHABLE, note, level="Warning", occasion="")


async def refused(world: World, attempt: AttemptRef, message: str) -> None:
    """Leave the attempt as it is: the result is paid for, and the next question about its job leads here again."""
    note = f"The {attempt.kind} is made but cannot be fetched yet: {message}"
    _log.warning("%s: %s", attempt.scene, note)
    if (scene := world.caches.scenes.get(attempt.scene)) is not None:
        await world.events.tell("Scene", scene.metadata, Reason.CREDENTIALS, note, level="Warning", occasion="")


def can_be_asked(world: World, attempt: AttemptRef, step: StepStatus, job_id: str | None) -> bool:
    """Return whether the provider will tell of this result again, perhaps with a fresh link."""
    provider = _provider(world, attempt, step)
    return job_id is not None and provider is not None and Mode.POLL in world.vendors.capabilities(provider).modes


def fetch_time(world: World, attempt: AttemptRef, step: StepStatus) -> timedelta:
    """Return for how long a result is worth fetching of which nobody will tell again."""
    provider = _provider(world, attempt, step)
    return timedelta(seconds=FETCH_SECONDS if provider is None else provider.spec.timeout_seconds)


def _provider(world: World, attempt: AttemptRef, step: StepStatus) -> MediaProvider | None:
    return world.caches.providers.get(Key(attempt.scene.namespace, step.provider or ""))
