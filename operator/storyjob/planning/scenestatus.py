"""Rolls a Scene's steps up into its phase and conditions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from storyjob.api.conditions import Claim, ConditionType, merge
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneSpec, SceneStatus, StepStatus
from storyjob.api.step import StepKind, StepPhase

Phase = Literal["Pending", "Processing", "Completed", "Failed"]


def rolled_up(scene: Scene, status: SceneStatus, now: datetime) -> SceneStatus:
    """Return the status with phase and conditions that follow from its steps."""
    steps = {kind: status.steps.get(kind) or StepStatus() for kind in scene.spec.kinds()}
    phase = _phase(steps, sourced=has_source(scene.spec, status))
    claims = _claims(phase, steps)
    generation = scene.metadata.generation
    return status.model_copy(
        update={
            "phase": phase,
            "observed_generation": generation,
            "conditions": merge(status.conditions, claims, generation=generation, now=now),
        }
    )


def has_source(spec: SceneSpec, status: SceneStatus) -> bool:
    """Return whether the file that the scene shows, if it shows one, was found; one found before an edit is none."""
    return spec.source is None or (status.source is not None and status.source.uri == spec.source.uri)


def _phase(steps: dict[StepKind, StepStatus], *, sourced: bool) -> Phase:
    phases = {step.phase for step in steps.values()}
    if any(step.live for step in steps.values()):
        return "Processing"
    if StepPhase.FAILED in phases:
        return "Failed"
    if phases <= {StepPhase.SUCCEEDED} and sourced:
        return "Completed"
    return "Processing" if any(step.attempt or step.reused for step in steps.values()) else "Pending"


def _claims(phase: Phase, steps: dict[StepKind, StepStatus]) -> list[Claim]:
    failed = next(((kind, s) for kind, s in steps.items() if s.phase is StepPhase.FAILED), None)
    match phase:
        case "Completed":
            claims = [Claim(ConditionType.READY, True, Reason.COMPLETED, "Everything is in the bucket.")]
        case "Failed" if failed is not None:
            kind, step = failed
            reason, message = _reason(step), f"{kind}: {step.message or 'failed'}"
            claims = [
                Claim(ConditionType.READY, False, reason, message),
                Claim(ConditionType.STALLED, True, reason, message),
                Claim(ConditionType.FAILED, True, reason, message),
            ]
        case _:
            reason = Reason.PENDING if phase == "Pending" else Reason.GENERATING
            claims = [
                Claim(ConditionType.READY, False, reason, ""),
                Claim(ConditionType.RECONCILING, True, reason, ""),
            ]
    return claims + _unknown(steps)


def _reason(step: StepStatus) -> Reason:
    try:
        return Reason(step.reason or Reason.GENERATION_FAILED)
    except ValueError:
        # A newer version's word: the write that this is for may be about money and must not fail for it.
        return Reason.GENERATION_FAILED


def _unknown(steps: dict[StepKind, StepStatus]) -> list[Claim]:
    lost = [f"{kind}: {step.message}" for kind, step in steps.items() if step.phase is StepPhase.OUTCOME_UNKNOWN]
    return [Claim(ConditionType.OUTCOME_UNKNOWN, True, Reason.OUTCOME_UNKNOWN, "; ".join(lost))] if lost else []
