"""Writes what became of an attempt into its Scene, and wakes whoever waits for that."""

from __future__ import annotations

import logging
from collections.abc import Callable

from storyjob.ambient import now
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneStatus, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Key
from storyjob.cluster.ledger import Exact, Guard, Owned
from storyjob.planning import step as turns
from storyjob.planning.scenestatus import rolled_up
from storyjob.reconcile.attempt import AttemptRef, with_step
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.telemetry import step_ended
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

SHOWN_AFTER = 0.5  # seconds
SETTLED_AFTER = 0.02  # seconds; the task that wrote ends before, and wakes the story at once: one look instead of two
GOING_ON = (StepPhase.SUBMITTING, StepPhase.RUNNING)
KNOWN = (StepPhase.RUNNING, StepPhase.STORING)

Turn = Callable[[StepStatus], StepStatus]


async def remember(world: World, attempt: AttemptRef, turn: Turn) -> Scene:
    """Write what came of a paid call: never dropped as long as the attempt is the step's newest.

    Raises ``TestFailed`` when another attempt took its place, ``NotFound`` when the Scene is gone.
    """
    return await write_step(
        world, attempt.scene, attempt.uid, attempt.kind, Owned(attempt.kind, attempt.token_hash), turn
    )


async def lose(world: World, attempt: AttemptRef, reason: Reason, message: str) -> None:
    """Write that nobody knows what came of an attempt, unless somebody does by now: its callback, or another leader."""

    def turn(step: StepStatus) -> StepStatus:
        if reason is Reason.OUTCOME_UNKNOWN and step.phase in KNOWN:
            raise turns.IllegalTransition(f"it is {step.phase}")
        return turns.lose(step, reason, message, now())

    try:
        await remember(world, attempt, turn)
    except turns.IllegalTransition as error:
        _log.info("%s %s is not lost: %s", attempt.scene, attempt.kind, error, extra={"action": "lose"})


async def write_step(world: World, key: Key, uid: str, kind: StepKind, guard: Guard, turn: Turn) -> Scene:
    """Write one turn of a step together with the phase and conditions that follow from it."""

    before = StepStatus()

    def apply(scene: Scene) -> SceneStatus:
        nonlocal before
        before = scene.step(kind)
        changed = with_step(scene, kind, turn(before))
        return rolled_up(changed, changed.status, now())

    scene = await world.ledger.change(key, uid, guard, apply)
    if scene.step(kind).finished_at not in (None, before.finished_at):
        step_ended(world, scene, kind)
    # While the step goes on there is nothing to decide for its story, only to show: the call comes first.
    wake(world, scene, story_after=SHOWN_AFTER if scene.step(kind).phase in GOING_ON else SETTLED_AFTER)
    await _tell(world, scene, kind)
    return scene


async def _tell(world: World, scene: Scene, kind: StepKind) -> None:
    """Write an Event where a person may have to act."""
    step = scene.step(kind)
    if step.phase in (StepPhase.FAILED, StepPhase.OUTCOME_UNKNOWN):
        note = f"{kind}: {step.message or step.reason}"
        await world.events.tell(
            "Scene", scene.metadata, step.reason or step.phase, note, level="Warning", occasion=str(step.attempt)
        )


async def write_roll_up(world: World, scene: Scene) -> None:
    """Write the phase and conditions that follow from the steps, where they are not there already."""
    if rolled_up(scene, scene.status, now()) != scene.status:
        key = Key(scene.metadata.namespace, scene.metadata.name)
        await world.ledger.change(key, scene.metadata.uid, Exact(), lambda fresh: rolled_up(fresh, fresh.status, now()))


def wake_story(world: World, key: Key, *, after: float = 0.0) -> None:
    """Reconcile the story of a scene ``after`` seconds."""
    if (scene := world.caches.scenes.get(key)) is not None:
        world.enqueue(Kind.STORY, Key(key.namespace, scene.spec.story_ref.name), after)


def wake(world: World, scene: Scene, *, story_after: float = 0.0) -> None:
    """Reconcile a scene, the providers that it no longer keeps busy, and its story ``story_after`` seconds later."""
    namespace = scene.metadata.namespace
    world.enqueue(Kind.SCENE, Key(namespace, scene.metadata.name))
    world.enqueue(Kind.STORY, Key(namespace, scene.spec.story_ref.name), story_after)
    for kind in StepKind:
        step = scene.step(kind)
        # Another story may wait for this very slot, or the provider's deletion for this very job.
        if step.provider is not None and not step.live:
            world.enqueue(Kind.PROVIDER, Key(namespace, step.provider))
