"""What to do about a request of which nobody knows whether it was bought."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from storyjob.api.money import Money
from storyjob.api.resource import ApiModel


class UnknownOutcome(ApiModel):
    """What to do about a request of which nobody knows whether it was bought."""

    policy: Annotated[
        Literal["Wait", "Resubmit", "Fail"],
        Field(
            description="Wait: for the provider, a callback or a person. Resubmit: buy again after the grace period, "
            "perhaps a second time. Fail: give the step up after it."
        ),
    ] = "Wait"
    grace_seconds: Annotated[
        int,
        Field(
            ge=60,
            le=604_800,
            description="How long the provider and callbacks have to resolve it before the policy applies.",
        ),
    ] = 900
    resubmit_below: Annotated[
        Money | None,
        Field(description='USD: what is estimated to cost less is bought again whatever the policy, such as "0.10".'),
    ] = None
