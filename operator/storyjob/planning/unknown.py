"""Decides what becomes of an attempt whose outcome nobody knows: found, adopted, bought again, given up, or waited for.

```
lost ──► a callback with its token tells the job ──► adopt
     ──► a person says so on the Scene           ──► adopt, buy again, give up
     ──► the provider can look for it            ──► seek, again and again
     ──► the grace period is over                ──► what the story or the provider chose
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from storyjob.api.capabilities import Capabilities, Find
from storyjob.api.mediaprovider import Polling
from storyjob.api.scene import JOB_ID_LIMIT, StepStatus
from storyjob.api.step import StepKind
from storyjob.api.unknown import UnknownOutcome
from storyjob.planning.actions import Abandon, LiveAction, Order, Rest, Seek, Take
from storyjob.planning.polling import next_poll

SOUGHT = Polling(initial_seconds=5, factor=2, max_seconds=300)
SOUGHT_FOR = timedelta(days=1)  # what a provider does not show by then, it will not show
_ORDER = re.compile(rf"(?:(image|audio|video)=)?([A-Za-z0-9]\S{{0,{JOB_ID_LIMIT - 1}}})(?:\s.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is wanted of a lost attempt: by the spec, and by a person on this very Scene."""

    policy: UnknownOutcome = field(default_factory=UnknownOutcome)
    order: Order | None = None


def order_for(text: str | None, kind: StepKind, step: StepStatus) -> Order | None:
    """Return what the annotation ``storyjob.dev/resolve`` says of a step, None where it is silent or was obeyed.

    It holds one or more of ``[image=|audio=|video=](resubmit|fail|<job id>)``, separated by commas. Anything may
    follow after a space, so that the same can be said a second time: a text is obeyed once.
    """
    if text is None or resolution_mark(text) == step.resolution:
        return None
    for part in text.split(","):
        found = _ORDER.fullmatch(part.strip())
        if found and found[1] in (None, kind.value):
            return Order(found[2], text)
    return None


def resolution_mark(text: str) -> str:
    """Return the annotation as a status holds it."""
    return text[:256]


def unknown_next(
    step: StepStatus, capabilities: Capabilities, choice: Choice, sought_at: datetime | None, now: datetime
) -> LiveAction:
    """Return what a step of unknown outcome needs now."""
    if choice.order is not None:
        return _obey(choice.order)
    lost = step.lost_at or step.intent_at or now
    ends, end = lost + timedelta(seconds=choice.policy.grace_seconds), _chosen(step, choice.policy)
    if end is not None and now >= ends:
        return end
    wakes = [] if end is None else [ends]
    if step.job_id is None and capabilities.find is not Find.NONE and now < lost + SOUGHT_FOR:
        due = lost if sought_at is None else next_poll(SOUGHT, lost, step.token_hash or "0000", sought_at)
        if due <= now:
            return Seek()
        wakes.append(due)
    return Rest(min(wakes, default=None))


def _obey(order: Order) -> LiveAction:
    match order.what.lower():
        case "resubmit":
            return Abandon(True, "A person said that it may be bought again.", order)
        case "fail":
            return Abandon(False, "A person gave it up: its outcome is unknown.", order)
        case _:
            return Take(order.what, order)


def _chosen(step: StepStatus, policy: UnknownOutcome) -> Abandon | None:
    cheap = (
        policy.resubmit_below is not None
        and step.estimated_cost is not None
        and Decimal(step.estimated_cost) < Decimal(policy.resubmit_below)
    )
    if policy.policy == "Resubmit" or cheap:
        why = f"below unknownOutcome.resubmitBelow ({policy.resubmit_below})" if cheap else "unknownOutcome is Resubmit"
        return Abandon(True, f"Its outcome stayed unknown for {policy.grace_seconds} s, and {why}: it is bought again.")
    if policy.policy == "Fail":
        return Abandon(False, f"Its outcome stayed unknown for {policy.grace_seconds} s, and unknownOutcome is Fail.")
    return None
