"""Writes how a MediaProvider stands: whether it is usable, how much is under way, and what went wrong last."""

from __future__ import annotations

from datetime import datetime

from storyjob.ambient import monotonic, now
from storyjob.api.capabilities import Mode
from storyjob.api.conditions import MESSAGE_LIMIT, Claim, ConditionType, merge
from storyjob.api.mediaprovider import MediaProvider, MediaProviderStatus
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.objects import write_status
from storyjob.cluster.resources import PROVIDERS
from storyjob.planning.admission import CLOSED
from storyjob.planning.circuit import Circuit
from storyjob.planning.halt import REMEDIES, Halt
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.world import World

COUNTS_SECONDS = 10.0  # counts that changed are written this much later: a short story is not worth a write


async def write_provider_status(world: World, provider: MediaProvider, blocked: str | None, in_flight: int) -> None:
    """Write the status if it differs: trouble at once, counts some seconds later."""
    key, before, moment = key_of(provider), provider.status, now()
    circuit = world.desk.circuits.get(key, CLOSED)
    after = _status(world, provider, blocked, circuit, moment)
    waiting = sum(len(offers) for offers in world.desk.offers.get(key, {}).values())
    counted = after.model_copy(update={"in_flight": in_flight, "waiting": waiting})
    if (in_flight, waiting) == (before.in_flight, before.waiting):
        world.desk.counted.pop(key, None)
    elif _counts_are_due(world, key):
        after = counted
    if after == before:
        return
    # With a write that is due anyway the counts cost nothing.
    written = await write_status(world.cluster, PROVIDERS, provider.metadata, before, counted)
    world.desk.counted.pop(key, None)
    if written is None:
        return
    world.caches.providers.put(MediaProvider.model_validate(written))
    if after.conditions != before.conditions or after.circuit != before.circuit:
        await _tell(world, provider, before, after)


def _counts_are_due(world: World, key: Key) -> bool:
    since = world.desk.counted.setdefault(key, monotonic())
    left = since + COUNTS_SECONDS - monotonic()
    if left > 0:
        world.enqueue(Kind.PROVIDER, key, left)
    return left <= 0


def _status(
    world: World, provider: MediaProvider, blocked: str | None, circuit: Circuit, moment: datetime
) -> MediaProviderStatus:
    generation = provider.metadata.generation
    claims = [*_readiness(world, provider, blocked), *_trouble(circuit, moment)]
    halt = world.desk.halts.get(key_of(provider))
    message = (halt.message if halt else None) or circuit.message or provider.status.last_error
    return provider.status.model_copy(
        update={
            "observed_generation": generation,
            "circuit": circuit.state(moment),
            "last_error": message[:MESSAGE_LIMIT] if message else None,
            "conditions": merge(provider.status.conditions, claims, generation=generation, now=moment),
        }
    )


def _readiness(world: World, provider: MediaProvider, blocked: str | None) -> list[Claim]:
    reason, halt = world.vendors.blocked_by(key_of(provider)), world.desk.halts.get(key_of(provider))
    if blocked is None and halt is not None:
        return _halted(halt)
    if blocked is None:
        return [_usable(world, provider), Claim(ConditionType.CREDENTIALS_VALID, True, Reason.AVAILABLE, "")]
    claims = [Claim(ConditionType.READY, False, reason, blocked), Claim(ConditionType.STALLED, True, reason, blocked)]
    if reason is Reason.CREDENTIALS:
        claims.append(Claim(ConditionType.CREDENTIALS_VALID, False, reason, blocked))
    return claims


def _halted(halt: Halt) -> list[Claim]:
    remedy = REMEDIES[halt.reason]
    what = f"{halt.message} Nothing is bought until {remedy}."
    if halt.reason is Reason.UNAUTHORIZED:
        credentials = Claim(ConditionType.CREDENTIALS_VALID, False, halt.reason, what)
    else:
        credentials = Claim(ConditionType.CREDENTIALS_VALID, True, Reason.AVAILABLE, "")
    return [
        Claim(ConditionType.READY, False, halt.reason, what),
        Claim(ConditionType.STALLED, True, halt.reason, what),
        credentials,
    ]


def _usable(world: World, provider: MediaProvider) -> Claim:
    wants_callbacks = (
        provider.spec.completion == "Webhook" and Mode.WEBHOOK in world.vendors.capabilities(provider).modes
    )
    if wants_callbacks and world.settings.callback_url is None:
        message = "Usable. The operator has no public callback URL, so this provider is polled."
        return Claim(ConditionType.READY, True, Reason.NO_CALLBACK_URL, message)
    return Claim(ConditionType.READY, True, Reason.AVAILABLE, "Usable.")


def _trouble(circuit: Circuit, moment: datetime) -> list[Claim]:
    if circuit.state(moment) == "Closed":
        return []
    what = f"No clear answer {circuit.failures} times in a row, the last: {circuit.message}. "
    then = "Nothing is bought until the pause is over." if circuit.state(moment) == "Open" else "One purchase tries it."
    return [Claim(ConditionType.CIRCUIT_OPEN, True, Reason.CIRCUIT_OPEN, what + then)]


async def _tell(world: World, provider: MediaProvider, before: MediaProviderStatus, after: MediaProviderStatus) -> None:
    """Wake the stories that may care, and write an Event for each trouble that is new."""
    for story in world.caches.stories:
        if story.metadata.namespace == provider.metadata.namespace and story.status.phase != "Completed":
            world.enqueue(Kind.STORY, key_of(story))
    known = {(condition.type, condition.status) for condition in before.conditions}
    for condition in after.conditions:
        trouble = condition.type in (ConditionType.STALLED, ConditionType.CIRCUIT_OPEN)
        if trouble and (condition.type, condition.status) not in known:
            meta = provider.metadata
            await world.events.tell(
                "MediaProvider",
                meta,
                condition.reason,
                condition.message,
                level="Warning",
                occasion=condition.last_transition_time.isoformat(),
            )
