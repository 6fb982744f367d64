"""Decides which offers a provider takes now: its slots, its rate, and who comes first."""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from storyjob.api.mediaprovider import Limits
from storyjob.planning.circuit import Circuit
from storyjob.planning.halt import Halt
from storyjob.planning.plan import Offer

MINUTE = timedelta(minutes=1)
STARTS_AT_ONCE = 2
"""So many purchases of a provider write their intents at a time. More would only be slower each, and make everybody
else wait, such as the narrations beside a hundred pictures."""
CLOSED = Circuit()


@dataclass(frozen=True, slots=True)
class Room:
    """What a provider's limits leave at this moment."""

    limits: Limits
    in_flight: int
    started: tuple[datetime, ...] = ()
    """When generations were started in the last minute, oldest first."""
    paused_until: datetime | None = None
    """The provider asked to slow down."""
    buying: Container[str] = ()
    """Input hashes that are being bought in this namespace."""
    circuit: Circuit = CLOSED
    halt: Halt | None = None
    """The provider refuses the account."""
    unanswered: int = 0
    """Purchases that were begun and not answered yet."""
    starting: int = 0
    """Those of them whose requests have not gone out yet; the next are admitted as they do."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may start now, and when to look again if the clock alone makes room."""

    admitted: list[Offer]
    again_at: datetime | None = None


def admit(offers: Iterable[Offer], room: Room, now: datetime) -> Admission:
    """Choose the first in order that fit. Of offers of equal input only the first may begin: the others share it."""
    if room.paused_until is not None and room.paused_until > now:
        return Admission([], room.paused_until)
    if room.circuit.state(now) == "Open":
        return Admission([], room.circuit.until)
    if room.halt is not None and now < room.halt.until:
        return Admission([], room.halt.until)
    free = room.circuit.room(max(0, room.limits.concurrent - room.in_flight), room.unanswered, now)
    if room.halt is not None:
        free = room.halt.room(free, room.unanswered, now)
    rate = room.limits.requests_per_minute
    recent = [moment for moment in room.started if moment > now - MINUTE]
    by_rate = free if rate is None else max(0, rate - len(recent))
    first_in_order = heapq.nsmallest(
        min(free, by_rate), _distinct(offers, room.buying), key=_tried_last if room.halt else _order
    )
    admitted = _few_at_once(first_in_order, STARTS_AT_ONCE - room.starting)
    limited = rate is not None and by_rate - len(admitted) <= 0 < free
    first = recent[0] if recent else now
    return Admission(admitted, first + MINUTE if limited else None)


def _few_at_once(offers: Iterable[Offer], starts: int) -> list[Offer]:
    """Leave so many that may begin now. One that a whole chain waits for begins beside the others."""
    few: list[Offer] = []
    for offer in offers:
        if offer.after:
            few.append(offer)
        elif starts > 0:
            few.append(offer)
            starts -= 1
    return few


def _distinct(offers: Iterable[Offer], buying: Container[str]) -> Iterable[Offer]:
    first: dict[str, Offer] = {}
    for offer in offers:
        known = first.get(offer.input_hash)
        if offer.input_hash not in buying and (known is None or offer.order < known.order):
            first[offer.input_hash] = offer
    return first.values()


def _order(offer: Offer) -> tuple[int, datetime, str, int]:
    return offer.order


def _tried_last(offer: Offer) -> tuple[bool, tuple[int, datetime, str, int]]:
    """Sort what was refused itself behind the rest: it may be the only one that the account has no right to."""
    return offer.refused, offer.order
