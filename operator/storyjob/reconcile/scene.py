"""Reconciles one Scene: every attempt of it that is alive and that no task holds gets what it needs next."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from storyjob.ambient import now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Key, key_of
from storyjob.planning.actions import Abandon, Adopt, Ask, LiveAction, Recover, Rest, Seek, Stop, Take
from storyjob.planning.live import next_for
from storyjob.planning.view import StepId
from storyjob.reconcile import resolve, watchover
from storyjob.reconcile.attempt import AttemptRef, about_step
from storyjob.reconcile.finalize import finalize_scene
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import wake
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World, provider_key

NO_PROVIDER_SECONDS = 30.0  # until a job whose MediaProvider is gone is looked at again


async def reconcile_scene(world: World, key: Key) -> None:
    """Do what the living attempts of a scene need now, and come back when the next thing is due."""
    scene = world.caches.scenes.get(key)
    if scene is None:
        return
    for kind in StepKind:
        if scene.step(kind).live:
            tend(world, scene, kind)
    if scene.metadata.terminating:
        await finalize_scene(world, scene)


def tend(world: World, scene: Scene, kind: StepKind) -> None:
    """Start the one task that a living attempt needs now, if any."""
    step, attempt = scene.step(kind), AttemptRef.of(scene, kind)
    if attempt.step in world.tasks:
        return
    provider = _provider(world, scene, step)
    if provider is None:
        world.enqueue(Kind.SCENE, key_of(scene), NO_PROVIDER_SECONDS)
        return
    action = next_for(
        step,
        provider.spec,
        world.vendors.capabilities(provider),
        world.desk.memory(attempt.step, step.token_hash),
        resolve.choice_for(world, scene, kind),
        orphan_seconds=world.settings.orphan_seconds,
        now=now(),
    )
    _act(world, scene, attempt, step, key_of(provider), action)


def _act(world: World, scene: Scene, attempt: AttemptRef, step: StepStatus, provider: Key, action: LiveAction) -> None:
    match action:
        case Rest(until):
            world.enqueue_at(Kind.SCENE, attempt.scene, until)
        case Adopt(job_id):
            _start(world, scene, attempt.step, partial(watchover.adopt, world, attempt, job_id))
        case Ask():
            _start(world, scene, attempt.step, partial(watchover.ask, world, attempt, step, provider))
        case Stop():
            _start(world, scene, attempt.step, partial(watchover.stop, world, attempt, step, provider))
        case Seek():
            _start(world, scene, attempt.step, partial(resolve.seek, world, attempt, step, provider))
        case Take():
            _start(world, scene, attempt.step, partial(resolve.take, world, attempt, action))
        case Abandon():
            _start(world, scene, attempt.step, partial(resolve.abandon, world, attempt, action))
        case Recover():
            _start(world, scene, attempt.step, partial(watchover.recover, world, attempt, step, action))


def _start(world: World, scene: Scene, step: StepId, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with about_step(scene, step.kind):
        world.tasks.start(step, Pool.ASK, work, then=lambda: look_again(world, scene, step.kind))


def look_again(world: World, scene: Scene, kind: StepKind) -> None:
    """Wake whoever may care that a task has ended that began with ``scene`` as it is given."""
    key = key_of(scene)
    if scene.step(kind).phase is StepPhase.RUNNING and world.caches.scenes.get(key) is scene:
        # It runs as it did before. Thousands of such answers must not each have a whole story planned.
        world.enqueue(Kind.SCENE, key)
        return
    wake(world, scene)


def _provider(world: World, scene: Scene, step: StepStatus) -> MediaProvider | None:
    key = provider_key(scene, step)
    return world.caches.providers.get(key) if key is not None else None
