"""Rolls a story's scenes up into its status: phase, progress, counts, cost and conditions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from storyjob.api.conditions import Claim, ConditionType, merge
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import Cost, Outputs, StoryJobStatus
from storyjob.planning.clock import Clock
from storyjob.planning.cost import possible_duplicate, spent, text
from storyjob.planning.ending import Verdict, counted
from storyjob.planning.plan import StoryPlan
from storyjob.planning.progress import percent, scene_counts, step_totals
from storyjob.planning.story import price_of
from storyjob.planning.view import StoryView

C = ConditionType


@dataclass(frozen=True, slots=True)
class Facts:
    """What the roll-up takes over as it is."""

    verdict: Verdict
    clock: Clock
    outputs: Outputs | None


def story_status(view: StoryView, plan: StoryPlan, facts: Facts) -> StoryJobStatus:
    """Return the story's status as it should be now."""
    story, before, verdict = view.story, view.story.status, facts.verdict
    totals = step_totals(plan.views)
    done = verdict.phase == "Completed"
    ended = done or verdict.phase == "Failed"
    # An end that stands keeps its times, whatever was looked at since.
    stands = ended and before.completion_time is not None
    progress = percent(totals, film_done=done)
    if before.observed_generation == story.metadata.generation:
        # Within one generation it never falls; only an edit can make more to do.
        progress = max(progress, before.progress if before.progress < 100 or done else 99)
    claims = _claims(verdict) + _trouble(plan, verdict)
    return before.model_copy(
        update={
            "observed_generation": story.metadata.generation,
            "phase": verdict.phase,
            "progress": progress,
            "message": verdict.message[:1024],
            "scenes": scene_counts(plan.views),
            "steps": totals,
            "cost": _cost(view, plan),
            "outputs": facts.outputs,
            "conditions": merge(before.conditions, claims, generation=story.metadata.generation, now=view.now),
            "start_time": before.start_time if stands else facts.clock.start,
            "active_seconds": before.active_seconds if stands else facts.clock.used_seconds,
            "completion_time": (before.completion_time or view.now.replace(microsecond=0)) if ended else None,
        }
    )


def _claims(verdict: Verdict) -> list[Claim]:
    reason, message = verdict.reason, verdict.message
    match verdict.phase:
        case "Completed":
            return [Claim(C.READY, True, reason, message), Claim(C.COMPLETE, True, reason, message)]
        case "Failed":
            return [
                Claim(C.READY, False, reason, message),
                Claim(C.STALLED, True, reason, message),
                Claim(C.FAILED, True, reason, message),
            ]
        case "Suspended":
            return [Claim(C.READY, False, reason, message), Claim(C.SUSPENDED, True, reason, message)]
        case _:
            return [Claim(C.READY, False, reason, message), Claim(C.RECONCILING, True, reason, message)]


def _trouble(plan: StoryPlan, verdict: Verdict) -> list[Claim]:
    claims: list[Claim] = []
    if verdict.degraded:
        claims.append(Claim(C.DEGRADED, True, Reason.SCENES_MISSING, verdict.degraded))
    problems = [problem for view in plan.views for problem in view.problems] + list(plan.halts.values())
    if problems and verdict.phase in ("Pending", "Processing"):
        claims.append(Claim(C.STALLED, True, problems[0].reason, problems[0].message))
    lost = [f"{view.spec.name}/{kind}" for view in plan.views for kind, wish in view.desires.items() if wish.lost]
    if lost:
        message = (
            f"{counted(len(lost), 'step')} may have been bought without an answer ({', '.join(lost[:5])}). Nothing of "
            "it is bought again unasked: look at the provider's account, then annotate the Scene with "
            "storyjob.dev/resolve, either resubmit, fail, or the id of the job; or set spec.unknownOutcome."
        )
        claims.append(Claim(C.OUTCOME_UNKNOWN, True, Reason.OUTCOME_UNKNOWN, message))
    return claims


def _cost(view: StoryView, plan: StoryPlan) -> Cost:
    prices = [
        price_of(view.providers[wish.provider_ref.name], scene.spec, kind)
        if (wish := scene.spec.wish(kind)) and wish.provider_ref and wish.provider_ref.name in view.providers
        else None
        for scene in plan.views
        for kind in scene.spec.kinds()
    ]
    known = [price for price in prices if price is not None]
    before = view.story.status.cost
    settled = before.settling or {}
    living = [scene for scene in (*view.scenes.values(), *view.leaving) if scene.metadata.uid not in settled]
    return before.model_copy(
        update={
            "estimated": text(sum(known, Decimal(0))) if len(known) == len(prices) else None,
            "spent": text(spent(living, Decimal(before.retired))),
            "possible_duplicate": text(possible_duplicate(living, Decimal(before.retired_duplicate))),
        }
    )
