"""Decides who makes a step: the one that was asked for first, or another while that one cannot or will not.

The choice is made anew for each attempt, and an attempt begins only where none is alive: a fallback is never tried
beside a purchase that may still succeed. What is asked for stays the wish, so that its hash names the
result whoever made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.wishes import AudioFallback, AudioRequest, ImageRequest, Trigger, VideoRequest
from storyjob.planning.view import ProviderView

Wish = ImageRequest | AudioRequest | VideoRequest
_TRIGGERS = {Reason.CIRCUIT_OPEN: Trigger.OUTAGE, Reason.QUOTA: Trigger.QUOTA}


@dataclass(frozen=True, slots=True)
class Way:
    """Who can make a step, and with what. ``place`` is 0 for the first choice, then that in ``fallbacks`` from 1."""

    place: int
    provider: str
    model: str
    voice: str | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    on: frozenset[Trigger] = frozenset()


def ways(wish: Wish) -> list[Way]:
    """Return all who can make it, the first choice first; none where nobody is named."""
    if wish.provider_ref is None or wish.model is None:
        return []
    voice = wish.voice if isinstance(wish, AudioRequest) else None
    found = [Way(0, wish.provider_ref.name, wish.model, voice, wish.input or {})]
    for place, other in enumerate(wish.fallbacks or (), start=1):
        spoken = other.voice or voice if isinstance(other, AudioFallback) else None
        found.append(Way(place, other.provider_ref.name, other.model, spoken, other.input or {}, frozenset(other.on)))
    return found


def may_ask_another(wish: Wish | None, step: StepStatus) -> bool:
    """Return whether content that was refused may be asked of somebody else who is listed for that."""
    return wish is not None and _after_refusal(ways(wish), step) is not None


def choose(
    wish: Wish, step: StepStatus, allowance: str, providers: Mapping[str, ProviderView], kind: StepKind, now: datetime
) -> tuple[Way, int] | None:
    """Return who is to make the next attempt, and the place of the first that did not refuse the content."""
    all_ways = ways(wish)
    if not all_ways:
        return None
    same = step.allowance == allowance
    start = all_ways[step.fallback] if same and step.fallback < len(all_ways) else all_ways[0]
    if same and step.phase is StepPhase.FAILED and (other := _after_refusal(all_ways, step)) is not None:
        start = other
    trouble = _trouble(providers.get(start.provider), now)
    if trouble is not None:
        for way in all_ways[start.place + 1 :]:
            if trouble in way.on and _works(providers.get(way.provider), kind, now):
                return way, start.place
    return start, start.place


def way_of(wish: Wish, step: StepStatus) -> Way | None:
    """Return who made, or makes, the newest attempt; None when the wish names them no more."""
    return next((way for way in ways(wish) if (way.provider, way.model) == (step.provider, step.model)), None)


def _after_refusal(all_ways: list[Way], step: StepStatus) -> Way | None:
    """Return who is next to be asked after a refusal of the content: somebody after the one who refused."""
    if step.reason != Reason.REFUSED:
        return None
    refused = [way.place for way in all_ways if (way.provider, way.model) == (step.provider, step.model)]
    last = max([step.fallback, *refused])
    return next((way for way in all_ways if way.place > last and Trigger.CONTENT_REFUSED in way.on), None)


def _trouble(provider: ProviderView | None, now: datetime) -> Trigger | None:
    """Return what keeps a provider from taking anything now; None once it is tried again."""
    if provider is None or provider.halted_by is None:
        return None
    over = provider.halted_until is not None and now >= provider.halted_until
    return None if over else _TRIGGERS.get(provider.halted_by)


def _works(provider: ProviderView | None, kind: StepKind, now: datetime) -> bool:
    if provider is None or provider.blocked is not None or kind not in provider.capabilities.steps:
        return False
    return provider.halted_by is None or (provider.halted_until is not None and now >= provider.halted_until)
