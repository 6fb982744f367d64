"""Buys one thing once: intent, then exactly one call, then what came of it is remembered whatever happens."""

from __future__ import annotations

import asyncio
import hashlib
import logging

from storyjob.ambient import now, random_hex
from storyjob.api.capabilities import Mode
from storyjob.api.errors import CredentialsError, OutputExpired, StorageError
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Accepted, Done, Failure, FailureKind, Rejected, Result, Submission, Unknown
from storyjob.api.reasons import Reason
from storyjob.api.scene import JOB_ID_LIMIT, Scene, StepStatus
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.errors import ClusterError, NotFound, TestFailed
from storyjob.cluster.ledger import Exact
from storyjob.killpoint import Act, crossing
from storyjob.planning import step as turns
from storyjob.planning.fallback import Way, ways
from storyjob.planning.hashing import input_hash
from storyjob.planning.offer import why_void
from storyjob.planning.plan import Offer
from storyjob.planning.retry import FREE, after_rejection
from storyjob.providers.base import Attempt, Provider, Request
from storyjob.reconcile.attempt import AttemptRef
from storyjob.reconcile.halts import note_answer
from storyjob.reconcile.keeping import keep_result
from storyjob.reconcile.metrics import SUBMITTING
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import lose, remember, write_step
from storyjob.reconcile.requests import build_request, first_maker, still_hash
from storyjob.reconcile.telemetry import answered, asked_to_pause, request_to
from storyjob.reconcile.traffic import REQUEST
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

NOT_NOW_SECONDS = 5.0  # until a step is tried again that failed before its intent


class _Void(Exception):
    """The offer does not hold any more."""


async def purchase(world: World, scene: Scene, provider: MediaProvider, offer: Offer) -> None:
    """Buy one admitted step. Everything that can fail without money fails before the intent."""
    way = _way(scene, offer)
    if way is None or (made_by := first_maker(world, scene, offer.step.kind)) is None:
        _log.info("%s %s is to be made by somebody else by now", scene.metadata.name, offer.step.kind)
        return
    try:
        adapter = world.vendors.adapter(key_of(provider))
        request = await build_request(world, scene, offer.step.kind, way)
    except (CredentialsError, StorageError) as error:
        _log.warning("%s %s is not bought: %s", scene.metadata.name, offer.step.kind, error)
        await world.events.tell("Scene", scene.metadata, Reason.STORAGE, str(error), level="Warning", occasion="")
        _make_way(world, provider, offer)
        await asyncio.sleep(NOT_NOW_SECONDS)
        return
    if input_hash(scene.spec, offer.step.kind, made_by, still_hash(scene)) != offer.input_hash:
        _log.info("%s %s was edited since it was offered", scene.metadata.name, offer.step.kind)
        return
    await _in_turn(world, offer)
    token = random_hex(16)
    try:
        intended = await _write_intent(world, scene, offer, request, token)
    except (TestFailed, NotFound, _Void) as error:
        # Our view was old, or another leader acts: whoever wrote last decides.
        _log.info("%s %s is not bought: %s", scene.metadata.name, offer.step.kind, error, extra={"action": "intent"})
        return
    except ClusterError as error:
        _log.warning("%s %s is not bought: %s", scene.metadata.name, offer.step.kind, error, extra={"action": "intent"})
        _make_way(world, provider, offer)
        await asyncio.sleep(NOT_NOW_SECONDS)
        return
    _make_way(world, provider, offer)
    if _is_awaited(world, offer):
        world.traffic.go_first(offer.step, REQUEST)
    attempt = AttemptRef.of(intended, offer.step.kind)
    outcome = await _submit(world, provider, adapter, request, attempt, token)
    await _settle(world, attempt, intended.step(attempt.kind), provider, outcome)


async def _in_turn(world: World, offer: Offer) -> None:
    """Go first if others wait for this step, else let those who do go first."""
    if _is_awaited(world, offer):
        world.traffic.go_first(offer.step)
    else:
        await world.traffic.give_way()


def _is_awaited(world: World, offer: Offer) -> bool:
    return bool(offer.after or world.desk.followers(offer.step))


def _make_way(world: World, provider: MediaProvider, offer: Offer) -> None:
    """Let the next purchase of the provider begin: this one only waits for others now."""
    world.desk.starting.discard(offer.step)
    world.enqueue(Kind.PROVIDER, key_of(provider))


def _way(scene: Scene, offer: Offer) -> Way | None:
    """Return who makes it by this offer; None when the wish names them no more."""
    wish = scene.spec.wish(offer.step.kind)
    return next((w for w in ways(wish) if (w.place, w.provider) == (offer.way, offer.provider)), None) if wish else None


async def _write_intent(world: World, scene: Scene, offer: Offer, request: Request, token: str) -> Scene:
    token_hash = hashlib.sha256(token.encode()).hexdigest()

    def turn(step: StepStatus) -> StepStatus:
        if (why := why_void(offer, step, now())) is not None:
            raise _Void(why)
        seen = world.caches.scenes.get(key_of(scene))
        if seen is not None and seen.metadata.generation != scene.metadata.generation:
            raise _Void("it was edited meanwhile")
        return turns.intend(
            step,
            token_hash=token_hash,
            input_hash=offer.input_hash,
            allowance=offer.allowance,
            provider=offer.provider,
            model=request.model,
            estimated=offer.estimated,
            now=now(),
            fallback=offer.fallback,
        )

    kind = offer.step.kind
    with crossing(Act.INTENT):
        return await write_step(world, key_of(scene), scene.metadata.uid, kind, Exact(kind, token_hash), turn)


async def _submit(
    world: World, provider: MediaProvider, adapter: Provider, request: Request, attempt: AttemptRef, token: str
) -> Submission:
    url = _callback_url(world, provider, adapter, attempt, token)
    seconds, priority = provider.spec.timeout_seconds, _priority(world, attempt)
    # Right before the call: the intent may have taken long, and another may lead by now.
    if not world.gate.may_submit:
        return Rejected(
            Failure(FailureKind.UNAVAILABLE, "The operator stopped or lost its lease; nothing was asked for.")
        )
    try:
        with crossing(Act.SUBMIT), SUBMITTING.track_inprogress(), request_to(world, key_of(provider), "submit"):
            outcome = await adapter.submit(request, Attempt(token, url, seconds, priority))
    except Exception as error:  # noqa: BLE001 (a fault of ours after the intent: only "unknown" is honest)
        _log.exception("submitting %s %s broke", attempt.scene, attempt.kind)
        return Unknown(f"The request broke in the operator: {type(error).__name__}")
    note_answer(world, key_of(provider), outcome)
    return outcome


def _priority(world: World, attempt: AttemptRef) -> int:
    scene = world.caches.scenes.get(attempt.scene)
    story = world.story_of(scene) if scene is not None else None
    return story.spec.priority if story is not None else 0


def _callback_url(
    world: World, provider: MediaProvider, adapter: Provider, attempt: AttemptRef, token: str
) -> str | None:
    base = world.settings.callback_url
    wanted = provider.spec.completion == "Webhook" and Mode.WEBHOOK in adapter.capabilities.modes
    if base is None or not wanted:
        return None
    return f"{base.rstrip('/')}/api/webhooks/job/{attempt.uid}.{attempt.kind}?token={token}"


async def _settle(
    world: World, attempt: AttemptRef, step: StepStatus, provider: MediaProvider, outcome: Submission
) -> None:
    match outcome:
        case Accepted(job_id) if len(job_id) > JOB_ID_LIMIT:
            message = f"The provider named its job with {len(job_id)} characters; at most {JOB_ID_LIMIT} can be kept."
            await lose(world, attempt, Reason.OUTCOME_UNKNOWN, message)
        case Accepted():
            with crossing(Act.JOB_ID):
                await remember(world, attempt, lambda fresh: turns.accept(fresh, outcome, now()))
        case Done(result, job_id):
            await _keep(world, attempt, step, result, job_id)
        case Rejected(failure):
            await _rejected(world, attempt, key_of(provider), failure)
        case Unknown(message):
            await lose(world, attempt, Reason.OUTCOME_UNKNOWN, message)
    answered(provider.spec.type, attempt.kind, outcome)
    word = type(outcome).__name__.lower()
    _log.info("%s %s: %s", attempt.scene.name, attempt.kind, word, extra={"action": "submit"})


async def _keep(world: World, attempt: AttemptRef, step: StepStatus, result: Result, job_id: str | None) -> None:
    try:
        await keep_result(world, attempt, step, result, job_id)
    except OutputExpired as error:
        message = f"The provider made it, but its link is dead: {error}"
        await lose(world, attempt, Reason.OUTPUT_LOST, message)


async def _rejected(world: World, attempt: AttemptRef, provider: Key, failure: Failure) -> None:
    policy = world.retry_policy(attempt.scene)

    def turn(step: StepStatus) -> StepStatus:
        end = after_rejection(failure, step.failures, policy, throttles=step.throttles, now=now())
        return turns.reject(step, failure, end, now())

    if failure.kind in FREE and failure.retry_after:
        world.desk.pause(provider, failure.retry_after)
        asked_to_pause(world, provider)
    await remember(world, attempt, turn)
