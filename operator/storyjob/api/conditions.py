"""Conditions after the kstatus contract, so that `kubectl wait`, Helm, Flux and Argo CD tell the truth.

Running: Ready False + Reconciling True. Done: Ready True + Complete True. Finally failed: Ready False +
Stalled True + Failed True. Those that report trouble (Reconciling, Stalled, Degraded, …) exist only while True.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from storyjob.api.extensions import list_map
from storyjob.api.reasons import Reason
from storyjob.api.resource import ApiModel

MESSAGE_LIMIT = 1024  # characters; Kubernetes allows 32 Ki, readers and the size of the status do not


class ConditionType(StrEnum):
    """Every condition that this operator ever sets."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    COMPLETE = "Complete"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    CREDENTIALS_VALID = "CredentialsValid"
    CIRCUIT_OPEN = "CircuitOpen"


class Condition(ApiModel):
    """One condition, as metav1.Condition."""

    type: Annotated[str, Field(max_length=64, description="The condition's name in CamelCase.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.")]
    reason: Annotated[str, Field(max_length=64, description="Why, in one stable CamelCase word.")]
    message: Annotated[str, Field(max_length=2048, description="Why, and what to do, for a person.")] = ""
    last_transition_time: Annotated[datetime, Field(description="When the status last changed.")]
    observed_generation: Annotated[
        int | None, Field(ge=0, description="The generation of the spec that this was said of.")
    ] = None


CONDITIONS = list_map("type")
"""The mark of a list of conditions: one of each type."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A condition that should hold now; its times are worked out when it is merged."""

    type: ConditionType
    status: bool
    reason: Reason
    message: str = ""


def merge(before: Sequence[Condition], claims: Iterable[Claim], *, generation: int, now: datetime) -> list[Condition]:
    """Return the claims as conditions, each with the transition time of an unchanged status before it.

    What is not claimed is gone: a condition about trouble exists only while there is trouble.
    """
    known = {condition.type: condition for condition in before}
    return [_as_condition(claim, known.get(claim.type), generation, now) for claim in claims]


def _as_condition(claim: Claim, before: Condition | None, generation: int, now: datetime) -> Condition:
    status: Literal["True", "False"] = "True" if claim.status else "False"
    unchanged = before is not None and before.status == status
    since = before.last_transition_time if before is not None and unchanged else now.replace(microsecond=0)
    return Condition(
        type=claim.type,
        status=status,
        reason=claim.reason,
        message=claim.message[:MESSAGE_LIMIT],
        last_transition_time=since,
        observed_generation=generation,
    )
