"""The life of a step: which phase may follow which, and what is remembered at each turn.

```
             intend                accept              store
  Waiting ──────────► Submitting ─────────► Running ──────────► Succeeded
     ▲                  │  │  │               │  │ hold  Storing ──┘ store
     │     reject       │  │  └─ store, hold ─┼──┴─────────►┘
     ├──────────────────┘  │                  │
     │     fail            └───── lose ───────┴──► OutcomeUnknown ── accept, store, fail ─►
     ├─────────────────────────────────────── (or Failed, when nothing may be tried again)
     └─── abandon, because somebody chose it ────────┘
```
Every change of a step's status in this project goes through ``TRANSITIONS``; what is not in it raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from storyjob.api.outcome import Accepted, Failure
from storyjob.api.reasons import Reason
from storyjob.api.scene import FORMER_JOBS, StepOutput, StepStatus
from storyjob.api.step import StepPhase as P
from storyjob.planning.cost import step_spent, text
from storyjob.planning.retry import Again, Verdict

MESSAGE_LIMIT = 500  # characters


class Event(StrEnum):
    """What can happen to a step."""

    INTEND = "intend"
    ACCEPT = "accept"
    REJECT = "reject"
    HOLD = "hold"
    STORE = "store"
    FAIL = "fail"
    LOSE = "lose"
    REUSE = "reuse"
    ABANDON = "abandon"


_SETTLED = (P.WAITING, P.SUCCEEDED, P.FAILED)
_PAID = (P.SUBMITTING, P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN)

TRANSITIONS: Mapping[Event, tuple[frozenset[P], frozenset[P]]] = {
    # An attempt begins only where none is alive: this line is the money rule.
    Event.INTEND: (frozenset(_SETTLED), frozenset({P.SUBMITTING})),
    Event.REUSE: (frozenset(_SETTLED), frozenset({P.SUCCEEDED})),
    Event.ACCEPT: (frozenset({P.SUBMITTING, P.OUTCOME_UNKNOWN}), frozenset({P.RUNNING})),
    Event.REJECT: (frozenset({P.SUBMITTING}), frozenset({P.WAITING, P.FAILED})),
    # From Storing to itself: what holds it up is another thing by now.
    Event.HOLD: (frozenset(_PAID), frozenset({P.STORING})),
    Event.STORE: (frozenset(_PAID), frozenset({P.SUCCEEDED})),
    Event.FAIL: (frozenset({P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN}), frozenset({P.WAITING, P.FAILED})),
    # The one way by which anything can be bought twice, and only because somebody chose it.
    Event.ABANDON: (frozenset({P.OUTCOME_UNKNOWN}), frozenset({P.WAITING, P.FAILED})),
    # From OutcomeUnknown to itself: asked once more, the provider knew no better.
    Event.LOSE: (frozenset(_PAID), frozenset({P.OUTCOME_UNKNOWN})),
}


class IllegalTransition(Exception):
    """A step cannot do this from where it stands; nothing was changed."""


def _move(step: StepStatus, event: Event, to: P, **changes: Any) -> StepStatus:
    sources, targets = TRANSITIONS[event]
    if step.phase not in sources or to not in targets:
        raise IllegalTransition(f"{event} leads from {step.phase} to {to}: not allowed")
    message = changes.get("message")
    if message is not None:
        changes["message"] = message[:MESSAGE_LIMIT]
    return step.model_copy(update=changes | {"phase": to})


def intend(  # noqa: PLR0913 (one argument for each thing that must be known before money is spent)
    step: StepStatus,
    *,
    token_hash: str,
    input_hash: str,
    allowance: str,
    provider: str,
    model: str,
    estimated: Decimal | None,
    now: datetime,
    fallback: int = 0,
) -> StepStatus:
    """Return the step with a new attempt, to be written before the provider is called."""
    fresh = StepStatus(
        phase=step.phase,
        attempt=step.attempt + 1,
        failures=step.failures if step.allowance == allowance and step.fallback == fallback else 0,
        allowance=allowance,
        token_hash=token_hash,
        input_hash=input_hash,
        provider=provider,
        model=model,
        intent_at=now,
        estimated_cost=text(estimated),
        previous_cost=text(step_spent(step)),
        possible_duplicate=text(_doubled(step, input_hash)),
        former_jobs=_former_jobs(step),
        resolution=step.resolution,
        fallback=fallback,
        throttles=step.throttles if step.allowance == allowance else 0,
    )
    return _move(fresh, Event.INTEND, P.SUBMITTING)


def _doubled(step: StepStatus, input_hash: str) -> Decimal | None:
    """Return what may have been paid for nothing once this is bought, perhaps again."""
    before = Decimal(step.possible_duplicate) if step.possible_duplicate else None
    if step.lost_at is None or step.input_hash != input_hash:
        return before
    return (before or Decimal(0)) + Decimal(step.cost or step.estimated_cost or 0)


def _former_jobs(step: StepStatus) -> list[str] | None:
    """Return the jobs of all attempts so far: what is looked for next is none of them."""
    jobs = [*(step.former_jobs or ()), *([step.job_id] if step.job_id else ())]
    return jobs[-FORMER_JOBS:] or None


def accept(step: StepStatus, accepted: Accepted, now: datetime) -> StepStatus:
    """Return the step with the provider's job, which is never forgotten from here on."""
    return _move(
        step,
        Event.ACCEPT,
        P.RUNNING,
        job_id=accepted.job_id,
        handles=dict(accepted.handles) or None,
        submitted_at=now,
        throttles=0,
        lost_at=None,
        reason=None,
        message=None,
    )


def reject(step: StepStatus, failure: Failure, verdict: Verdict, now: datetime) -> StepStatus:
    """Return the step after a provider that surely took nothing."""
    return _ended(step, Event.REJECT, failure.message, verdict, now, cost=Decimal(0))


def fail(step: StepStatus, message: str, verdict: Verdict, now: datetime, cost: Decimal | None) -> StepStatus:
    """Return the step after a job that the provider says has ended without a usable result."""
    return _ended(step, Event.FAIL, message, verdict, now, cost=cost)


def _ended(
    step: StepStatus, event: Event, message: str, verdict: Verdict, now: datetime, *, cost: Decimal | None
) -> StepStatus:
    again = isinstance(verdict, Again)
    return _move(
        step,
        event,
        P.WAITING if again else P.FAILED,
        failures=verdict.failures,
        throttles=verdict.throttles if isinstance(verdict, Again) else 0,
        retry_at=_whole(verdict.at) if isinstance(verdict, Again) else None,
        finished_at=now,
        lost_at=None,
        reason=verdict.reason,
        message=message,
        cost=text(cost),
    )


def hold(step: StepStatus, reason: Reason, message: str, now: datetime, job_id: str | None = None) -> StepStatus:
    """Return the step whose result exists but cannot be stored yet; ``made_at`` stays the time of the first hold."""
    return _move(
        step,
        Event.HOLD,
        P.STORING,
        reason=reason,
        message=message,
        job_id=job_id or step.job_id,
        made_at=step.made_at or now,
        lost_at=None,
    )


def store(
    step: StepStatus,
    output: StepOutput,
    cost: Decimal | None,
    now: datetime,
    job_id: str | None = None,
    made_at: datetime | None = None,
) -> StepStatus:
    """Return the step whose bytes are in the bucket; ``made_at`` is when its result was seen, unless known before."""
    known = text(cost) if cost is not None else step.estimated_cost
    return _move(
        step,
        Event.STORE,
        P.SUCCEEDED,
        output=output,
        cost=known,
        job_id=job_id or step.job_id,
        made_at=step.made_at or made_at,
        finished_at=now,
        handles=None,
        lost_at=None,
        retry_at=None,
        reason=None,
        message=None,
    )


def lose(step: StepStatus, reason: Reason, message: str, now: datetime) -> StepStatus:
    """Return the step of which nobody knows whether it was bought; it is not bought again unasked."""
    return _move(step, Event.LOSE, P.OUTCOME_UNKNOWN, reason=reason, message=message, lost_at=step.lost_at or now)


def abandon(step: StepStatus, *, again: bool, message: str, resolution: str | None, now: datetime) -> StepStatus:
    """Return the step whose attempt nobody cares for any more; ``lost_at`` stays, so that buying again is counted."""
    return _move(
        step,
        Event.ABANDON,
        P.WAITING if again else P.FAILED,
        finished_at=now,
        retry_at=None,
        reason=Reason.OUTCOME_UNKNOWN,
        message=message,
        cost=step.estimated_cost,
        resolution=resolution or step.resolution,
    )


def take(step: StepStatus, job_id: str, resolution: str, now: datetime) -> StepStatus:
    """Return the step whose job a person named; its time counts from now, for else it would be over at once."""
    found = accept(step, Accepted(job_id), now)
    return found.model_copy(update={"resolution": resolution})


def decline(step: StepStatus, message: str, resolution: str, now: datetime) -> StepStatus:
    """Return the step for which a person named a job that cannot be its own: it stays unknown, the order is done."""
    lost = lose(step, Reason.OUTCOME_UNKNOWN, message, now)
    return lost.model_copy(update={"resolution": resolution})


def reuse(step: StepStatus, *, input_hash: str, output: StepOutput, model: str | None, now: datetime) -> StepStatus:
    """Return the step served from the bucket: nothing was bought."""
    fresh = StepStatus(
        phase=step.phase,
        attempt=step.attempt,
        input_hash=input_hash,
        model=model,
        previous_cost=text(step_spent(step)),
        cost="0",
        finished_at=now,
        output=output,
        reused=True,
        possible_duplicate=step.possible_duplicate,
        former_jobs=_former_jobs(step),
        resolution=step.resolution,
    )
    return _move(fresh, Event.REUSE, P.SUCCEEDED)


def _whole(moment: datetime) -> datetime:
    """Round up to the second, the finest that Kubernetes' times hold."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)
