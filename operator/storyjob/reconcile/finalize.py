"""Lets objects go: running jobs end first, costs are settled once, and no finalizer hangs for ever."""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal
from functools import partial

from storyjob.ambient import now
from storyjob.api.reasons import Reason
from storyjob.api.resource import JOBS_FINALIZER
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import Conflict, NotFound
from storyjob.cluster.objects import set_finalizer, write_status
from storyjob.cluster.resources import SCENES, STORYJOBS
from storyjob.killpoint import Act, crossing
from storyjob.planning.cost import scene_duplicate, scene_spent, text
from storyjob.planning.live import must_stop
from storyjob.reconcile import watchover
from storyjob.reconcile.attempt import AttemptRef, about_step
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import wake
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.telemetry import story_gone
from storyjob.reconcile.world import World, provider_key

_log = logging.getLogger(__name__)

GIVE_UP_SECONDS = 60  # from the deletion on; a job that did not end by then is left to itself
LOOK_AGAIN_SECONDS = 2.0


async def finalize_story(world: World, story: StoryJob) -> None:
    """Delete the story's Scenes; when they are gone, let the story go."""
    if JOBS_FINALIZER not in story.metadata.finalizers:
        return
    scenes = world.scenes_of(story)
    for scene in scenes:
        if not scene.metadata.terminating:
            await delete_scene(world, scene)
    if scenes:
        return
    await world.films.let_go(world, story)
    written = await set_finalizer(world.cluster, STORYJOBS, story.metadata, JOBS_FINALIZER, present=False)
    if written is not None:
        world.caches.stories.put(StoryJob.model_validate(written))
        story_gone(world, story)


async def delete_scene(world: World, scene: Scene) -> None:
    """Ask for a Scene's deletion; one that is gone or replaced already is fine."""
    meta = scene.metadata
    try:
        left = await world.cluster.delete(SCENES, meta.namespace, meta.name, uid=meta.uid)
    except (NotFound, Conflict):
        _log.debug("scene %s is gone already", meta.name)
        return
    if left.get("kind") == "Scene" and world.caches.scenes.put(Scene.model_validate(left)):
        # The watch will bring nothing newer, so nobody else would enqueue it.
        world.enqueue(Kind.SCENE, key_of(scene))


async def finalize_scene(world: World, scene: Scene) -> None:
    """Let a Scene go once nothing that was paid for can be lost by it."""
    if JOBS_FINALIZER not in scene.metadata.finalizers:
        return
    story = world.story_of(scene)
    if story is not None and not story.metadata.terminating:
        # Its story lives: what runs is finished and stored, so that nothing paid for is thrown away.
        if any(scene.step(kind).live and scene.step(kind).phase is not StepPhase.OUTCOME_UNKNOWN for kind in StepKind):
            return
        await _settle(world, story, scene)
    elif not await _stopped(world, scene):
        world.enqueue(Kind.SCENE, key_of(scene), LOOK_AGAIN_SECONDS)
        return
    written = await set_finalizer(world.cluster, SCENES, scene.metadata, JOBS_FINALIZER, present=False)
    if written is not None:
        # Else it would be let go a second time before the watch says that it is gone.
        world.caches.scenes.put(Scene.model_validate(written))


async def _stopped(world: World, scene: Scene) -> bool:
    """Cancel what runs; True when nothing runs any more, or when it was waited for long enough."""
    deleted = scene.metadata.deletion_timestamp or now()
    overdue = now() >= deleted + timedelta(seconds=GIVE_UP_SECONDS)
    running = [kind for kind in StepKind if scene.step(kind).phase in (StepPhase.SUBMITTING, StepPhase.RUNNING)]
    # What is made and paid for is stored first: it is found again when the story is applied again.
    made = [kind for kind in StepKind if scene.step(kind).phase is StepPhase.STORING]
    if not running and not made:
        return True
    if overdue:
        note = _left(scene, running, made)
        await world.events.tell("Scene", scene.metadata, Reason.DELETING, note, level="Warning", occasion="")
        return True
    for kind in running:
        _cancel(world, scene, kind)
    return False


def _left(scene: Scene, running: list[StepKind], made: list[StepKind]) -> str:
    """Say what is given up because the deletion waited for long enough."""
    notes = []
    for kinds, what in ((running, "Not confirmed as ended, and may be charged"), (made, "Paid for, and not stored")):
        jobs = ", ".join(f"{kind} {scene.step(kind).job_id or 'without a known job'}" for kind in kinds)
        notes += [f"{what} within {GIVE_UP_SECONDS} s of the deletion: {jobs}."] if jobs else []
    return " ".join(notes)


def _cancel(world: World, scene: Scene, kind: StepKind) -> None:
    step, attempt = scene.step(kind), AttemptRef.of(scene, kind)
    provider = provider_key(scene, step)
    memory = world.desk.memory(attempt.step, step.token_hash)
    if provider is None or step.job_id is None or attempt.step in world.tasks:
        return
    stop, asked = must_stop(memory, now()), memory.asked_at
    if not stop and asked is not None and now() < asked + timedelta(seconds=LOOK_AGAIN_SECONDS):
        return
    work = watchover.stop if stop else watchover.ask
    with about_step(scene, kind):
        world.tasks.start(
            attempt.step, Pool.ASK, partial(work, world, attempt, step, provider), then=lambda: wake(world, scene)
        )


async def _settle(world: World, story: StoryJob, scene: Scene) -> None:
    """Move a Scene's cost to its story, exactly once: the entry under its uid says that it is done."""
    cost, uid = story.status.cost, scene.metadata.uid
    settling = cost.settling or {}
    if uid in settling:
        return
    amount = scene_spent(scene)
    if amount == 0:
        return
    gone = {other: value for other, value in settling.items() if _exists(world, story, other)}
    after = cost.model_copy(
        update={
            "retired": text(Decimal(cost.retired) + amount),
            "retired_duplicate": text(Decimal(cost.retired_duplicate) + scene_duplicate(scene)),
            "settling": gone | {uid: text(amount) or "0"},
        }
    )
    status = story.status.model_copy(update={"cost": after})
    with crossing(Act.SETTLE):
        written = await write_status(world.cluster, STORYJOBS, story.metadata, story.status, status)
    if written is not None:
        world.caches.stories.put(StoryJob.model_validate(written))


def _exists(world: World, story: StoryJob, uid: str) -> bool:
    return any(scene.metadata.uid == uid for scene in world.scenes_of(story))
