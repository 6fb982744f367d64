"""Says whether an offer still holds for the step as it is when its purchase is about to begin."""

from __future__ import annotations

from datetime import datetime

from storyjob.api.scene import StepStatus
from storyjob.api.step import StepPhase
from storyjob.planning.plan import Offer


def why_void(offer: Offer, step: StepStatus, now: datetime) -> str | None:
    """Return why nothing may be bought on this offer any more, None when it holds.

    An offer is made from a view of the story, and the step may have been bought, found, given up or sent into
    backoff since. Buying on an old offer is paying twice, so this is asked of the very state that the intent replaces.
    """
    if step.live:
        return "an attempt is alive already"
    if step.phase is StepPhase.SUCCEEDED and step.input_hash == offer.input_hash:
        return "it is in the bucket already"
    if step.allowance != offer.allowance:
        return None
    if step.phase is StepPhase.FAILED and offer.fallback <= step.fallback:
        return "its retries are used up"
    if step.retry_at is not None and step.retry_at > now:
        return "it is to be tried again later"
    return None
