"""Resolves attempts whose outcome nobody knows: looks for their jobs, and does what was chosen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from storyjob.ambient import now
from storyjob.api.errors import OutputExpired, StorageError
from storyjob.api.outcome import Accepted, Done, NoTrace, Result
from storyjob.api.resource import RESOLVE_ANNOTATION
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind
from storyjob.api.unknown import UnknownOutcome
from storyjob.cluster.cache import Key
from storyjob.cluster.errors import Conflict, TestFailed
from storyjob.cluster.ledger import Exact
from storyjob.killpoint import Act, crossing
from storyjob.planning import step as turns
from storyjob.planning.actions import Abandon, Take
from storyjob.planning.fallback import way_of
from storyjob.planning.hashing import input_hash
from storyjob.planning.unknown import Choice, order_for, resolution_mark
from storyjob.providers.base import Finder, Lost, Request
from storyjob.reconcile import watchover
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.keeping import keep_result
from storyjob.reconcile.remember import remember, write_step
from storyjob.reconcile.requests import build_request, first_maker, still_hash
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

CLOCKS_DIFFER = timedelta(seconds=60)  # a provider's clock from ours


def choice_for(world: World, scene: Scene, kind: StepKind) -> Choice:
    """Return what is wanted of a step of unknown outcome: by its story, else by its provider, and by a person."""
    step, story = scene.step(kind), world.story_of(scene)
    provider = world.caches.providers.get(Key(scene.metadata.namespace, step.provider or ""))
    by_story = story.spec.unknown_outcome if story is not None else None
    by_provider = provider.spec.unknown_outcome if provider is not None else None
    order = order_for(scene.metadata.annotations.get(RESOLVE_ANNOTATION), kind, step)
    return Choice(by_story or by_provider or UnknownOutcome(), order)


async def seek(world: World, attempt: AttemptRef, step: StepStatus, provider: Key) -> None:
    """Ask the provider whether it has the attempt's job; take it over if it has."""
    memory = world.desk.memory(attempt.step, attempt.token_hash)
    world.desk.remember(attempt.step, attempt.token_hash, replace(memory, sought_at=now()))
    adapter = await watchover.adapter_of(world, provider)
    if not isinstance(adapter, Finder):
        return
    # Two attempts that asked for the very same must not both take the one job that is found.
    async with world.desk.seeking[provider]:
        lost = await _lost(world, attempt, step)
        with crossing(Act.FIND):
            trace = await adapter.find(lost)
        match trace:
            case Accepted():
                await remember(world, attempt, lambda fresh: turns.accept(fresh, trace, fresh.intent_at or now()))
            case Done(result, job_id):
                await _keep_found(world, attempt, step, result, job_id)
            case NoTrace(message):
                _log.info("%s %s was not found: %s", attempt.scene, attempt.kind, message, extra={"action": "seek"})


async def _keep_found(world: World, attempt: AttemptRef, step: StepStatus, result: Result, job_id: str | None) -> None:
    try:
        await keep_result(world, attempt, step, result, job_id)
    except OutputExpired as error:
        _log.warning("%s %s was found, but its link is dead: %s", attempt.scene, attempt.kind, error)


async def take(world: World, attempt: AttemptRef, action: Take) -> None:
    """Take over the job that a person named, unless it is known to be another attempt's: each is paid for by itself."""
    mark = resolution_mark(action.order.text)

    def turn(step: StepStatus) -> StepStatus:
        # Looked at with each try to write it: the other attempt may have heard of its job only now.
        if (owner := dict(_taken(world, attempt)).get(action.job_id)) is None:
            return turns.take(step, action.job_id, mark, now())
        message = f"{action.job_id} is the job of {owner}, so it cannot be this one's; name another or say resubmit"
        return turns.decline(step, message, mark, now())

    await remember(world, attempt, turn)


async def abandon(world: World, attempt: AttemptRef, action: Abandon) -> None:
    """Give the attempt up. Only if nobody wrote since: a callback that came just now would be the better answer."""
    mark = resolution_mark(action.order.text) if action.order else None
    _log.warning("%s %s: %s", attempt.scene, attempt.kind, action.message, extra={"action": "abandon"})

    def turn(step: StepStatus) -> StepStatus:
        return turns.abandon(step, again=action.again, message=action.message, resolution=mark, now=now())

    try:
        await write_step(world, attempt.scene, attempt.uid, attempt.kind, Exact(), turn)
    except (TestFailed, Conflict, turns.IllegalTransition) as error:
        _log.info("%s %s is not given up: %s", attempt.scene, attempt.kind, error)


async def _lost(world: World, attempt: AttemptRef, step: StepStatus) -> Lost:
    began = step.intent_at or now()
    until = (step.lost_at or now()) + CLOCKS_DIFFER
    return Lost(
        step=attempt.kind,
        model=step.model or "",
        token_hash=attempt.token_hash,
        since=began - CLOCKS_DIFFER,
        until=until,
        request=await _request(world, attempt, step),
        taken=frozenset(job_id for job_id, _ in _taken(world, attempt)),
    )


async def _request(world: World, attempt: AttemptRef, step: StepStatus) -> Request | None:
    """Return what the attempt asked for, None when the wish is another one by now."""
    scene = world.caches.scenes.get(attempt.scene)
    wish = scene.spec.wish(attempt.kind) if scene is not None else None
    if scene is None or wish is None or (way := way_of(wish, step)) is None:
        return None
    made_by = first_maker(world, scene, attempt.kind)
    if made_by is None or input_hash(scene.spec, attempt.kind, made_by, still_hash(scene)) != step.input_hash:
        return None
    try:
        return await build_request(world, scene, attempt.kind, way)
    except StorageError as error:
        _log.warning("%s %s: what it asked for cannot be told: %s", attempt.scene, attempt.kind, error)
        return None


def _taken(world: World, attempt: AttemptRef) -> Iterator[tuple[str, str]]:
    """Yield the jobs of all other attempts, each with whose it is."""
    for scene in world.caches.scenes:
        for kind in StepKind:
            step, whose = scene.step(kind), f"{scene.metadata.name} {kind}"
            yield from ((job_id, f"an earlier attempt at {whose}") for job_id in step.former_jobs or ())
            if step.job_id is not None and step.token_hash != attempt.token_hash:
                yield step.job_id, whose
