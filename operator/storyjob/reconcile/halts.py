"""Notes what providers' answers say of the providers themselves: in trouble, refusing the account, or well again."""

from __future__ import annotations

from storyjob.ambient import now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Accepted, Done, Failure, Submission
from storyjob.api.reasons import Reason
from storyjob.cluster.cache import Key, key_of
from storyjob.planning.admission import CLOSED
from storyjob.planning.halt import Halt, after_answer, after_failure
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.world import World


def note_answer(world: World, provider: Key, outcome: Submission) -> None:
    """Take in the answer to a purchase."""
    desk = world.desk
    desk.circuits[provider] = desk.circuits.get(provider, CLOSED).after(outcome, now())
    _set(world, provider, after_answer(desk.halts.get(provider), outcome, now()))
    if isinstance(outcome, Accepted | Done):
        world.vendors.trust(provider)


def note_refusal(world: World, provider: Key, failure: Failure) -> None:
    """Take in that a job, or a question about one, was refused for the account's sake."""
    _set(world, provider, after_failure(world.desk.halts.get(provider), failure, now()))


def lift(world: World, provider: Key) -> None:
    """Go on buying: a person did something about it."""
    _set(world, provider, None)
    world.vendors.trust(provider)
    world.enqueue(Kind.PROVIDER, provider)


def lift_if_mended(world: World, provider: MediaProvider) -> None:
    """Go on buying once the credentials are others than those that were refused."""
    halt = world.desk.halts.get(key := key_of(provider))
    if halt is not None and halt.reason is Reason.UNAUTHORIZED and not world.vendors.refused(key):
        _set(world, key, None)


def _set(world: World, provider: Key, halt: Halt | None) -> None:
    before = world.desk.halts.pop(provider, None)
    if halt is not None:
        world.desk.halts[provider] = halt
    if halt == before:
        return
    # Only on news: the credentials in memory may be others by now than those that were refused.
    if halt is not None and halt.reason is Reason.UNAUTHORIZED:
        world.vendors.distrust(provider)
    world.enqueue(Kind.PROVIDER, provider)
