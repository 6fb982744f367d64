"""Reconciles one MediaProvider: who may buy from it now, whether it is usable, and whether it may go."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from storyjob.ambient import monotonic, now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.reasons import Reason
from storyjob.api.resource import IN_USE_FINALIZER
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.objects import set_finalizer
from storyjob.cluster.resources import PROVIDERS
from storyjob.planning.admission import CLOSED, MINUTE, Admission, Room, admit
from storyjob.planning.plan import Offer
from storyjob.planning.view import StepId
from storyjob.reconcile.attempt import about_step
from storyjob.reconcile.halts import lift_if_mended
from storyjob.reconcile.providerstatus import write_provider_status
from storyjob.reconcile.purchase import purchase
from storyjob.reconcile.queue import Item, Kind
from storyjob.reconcile.remember import SHOWN_AFTER
from storyjob.reconcile.signing import forget_signing_keys, publish_signing_key
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.telemetry import waited
from storyjob.reconcile.world import World, holds_slot

_log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 10.0  # at a provider that may go once its jobs have ended
REST_FACTOR = 2  # a provider's pass may take a third of one core at most, however much it has under way


async def reconcile_provider(world: World, key: Key) -> None:
    """Admit what has room, and keep the provider's status and finalizer as they should be."""
    provider = world.caches.providers.get(key)
    if provider is None:
        await forget_signing_keys(world)
        return
    began = monotonic()
    blocked = await world.vendors.refresh(provider)
    if provider.metadata.terminating:
        await _let_go(world, provider)
        return
    provider = await _hold(world, provider)
    lift_if_mended(world, provider)
    if blocked is None:
        await publish_signing_key(world, provider)
    if blocked is None and world.gate.may_buy:
        _admit(world, provider)
    await write_provider_status(world, provider, blocked, len(_under_way(world, provider, now())))
    world.queue.rest(Item(Kind.PROVIDER, key), REST_FACTOR * (monotonic() - began))


def _admit(world: World, provider: MediaProvider) -> None:
    key, moment = key_of(provider), now()
    started = [then for then in world.desk.started.get(key, []) if then > moment - MINUTE]
    bought = _under_way(world, provider, moment)
    made = [offer for stories in world.desk.offers.get(key, {}).values() for offer in stories]
    offers = [offer for offer in made if offer.step not in bought and offer.is_due(world.desk.generated)]
    paused, buying = world.desk.paused.get(key), world.being_bought(key.namespace)
    unanswered = sum(other == key for other, _ in world.desk.buying.values())
    circuit = world.desk.circuits.get(key, CLOSED)
    halt = world.desk.halts.get(key)
    starting = sum(step in world.desk.starting for step in bought)
    room = Room(provider.spec.limits, len(bought), tuple(started), paused, buying, circuit, halt, unanswered, starting)
    admission: Admission = admit(offers, room, moment)
    world.desk.started[key] = [*started, *(moment for _ in admission.admitted)]
    waited(world, provider, offers, admission.admitted)
    _take(world, key, admission.admitted)
    for offer in admission.admitted:
        _begin(world, provider, offer)
    world.enqueue_at(Kind.PROVIDER, key, admission.again_at)


def _begin(world: World, provider: MediaProvider, offer: Offer) -> None:
    scene = next((s for s in world.caches.scenes.where("uid", offer.step.scene_uid)), None)
    if scene is None or scene.metadata.terminating or world.story_of(scene) is None:
        return
    name, story = offer.step, Key(scene.metadata.namespace, scene.spec.story_ref.name)

    def ended() -> None:
        world.desk.buying.pop(name, None)
        world.desk.starting.discard(name)
        world.enqueue(Kind.SCENE, key_of(scene))
        # What came of it was written, and that has woken the story. Where nothing was written, nothing was bought.
        world.enqueue(Kind.STORY, story, SHOWN_AFTER if world.caches.scenes.get(key_of(scene)) is not scene else 0.0)
        world.enqueue(Kind.PROVIDER, key_of(provider))

    with about_step(scene, name.kind, attempt=scene.step(name.kind).attempt + 1):
        begun = world.tasks.start(name, Pool.PURCHASE, partial(purchase, world, scene, provider, offer), ended)
    if begun:
        world.desk.buying[name] = (key_of(provider), offer.input_hash)
        world.desk.starting.add(name)


def _take(world: World, provider: Key, admitted: list[Offer]) -> None:
    """Remove offers that are acted on: what they lead to may be over before their stories are looked at again."""
    taken = {offer.step for offer in admitted}
    stories = world.desk.offers.get(provider, {})
    for uid, offers in stories.items():
        stories[uid] = [offer for offer in offers if offer.step not in taken]


def _under_way(world: World, provider: MediaProvider, moment: datetime) -> set[StepId]:
    """Return the steps that use up a slot: those on record, and those whose intent is being written."""
    key = key_of(provider)
    found = {step for step, (other, _) in world.desk.buying.items() if other == key}
    for scene in world.caches.scenes.where("provider", key):
        for kind in StepKind:
            step = scene.step(kind)
            if step.provider == key.name and holds_slot(step, provider.spec.timeout_seconds, moment):
                found.add(StepId(scene.metadata.uid, kind))
    return found


async def _hold(world: World, provider: MediaProvider) -> MediaProvider:
    """Put our finalizer on a provider that stories are about to use."""
    if not world.desk.offers.get(key_of(provider)):
        return provider
    written = await set_finalizer(world.cluster, PROVIDERS, provider.metadata, IN_USE_FINALIZER, present=True)
    if written is None:
        return provider
    fresh = MediaProvider.model_validate(written)
    world.caches.providers.put(fresh)
    return fresh


async def _let_go(world: World, provider: MediaProvider) -> None:
    """Let a deleted provider go once no job of it is alive."""
    running = _under_way(world, provider, now())
    if running:
        note = f"{len(running)} generations are under way; the provider goes when they have ended."
        await world.events.tell("MediaProvider", provider.metadata, Reason.IN_USE, note, occasion="")
        # kopf runs no timer for what is being deleted.
        world.enqueue(Kind.PROVIDER, key_of(provider), LOOK_AGAIN_SECONDS)
        return
    await set_finalizer(world.cluster, PROVIDERS, provider.metadata, IN_USE_FINALIZER, present=False)
