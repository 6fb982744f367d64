"""What a provider can do, as data, so that planning can decide on it without calling anybody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storyjob.api.step import StepKind


class Mode(StrEnum):
    """How a provider tells the result of a job."""

    WEBHOOK = "Webhook"
    POLL = "Poll"
    SYNC = "Sync"


class Cancel(StrEnum):
    """What asking a provider to stop a job does."""

    NONE = "None"
    BEST_EFFORT = "BestEffort"
    DELETES_DATA = "DeletesData"
    """The same request destroys a result: it goes out only when the provider has just said that there is none."""


class Find(StrEnum):
    """How well a provider can tell whether it took a request whose answer was lost."""

    NONE = "None"
    """It cannot: nothing lists its jobs, or nothing tells ours apart."""
    LIKELY = "Likely"
    """By time and input: one match that belongs to nobody else is ours. No match proves nothing."""
    EXACT = "Exact"
    """By something that only this attempt had. No match still proves nothing: it may have begun later."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The abilities of one provider type.

    Args:
        steps: the kinds of media it makes.
        modes: how it can tell a result; ``Webhook`` always comes with ``Poll``.
        cancel: what a cancel request does.
        cancel_is_free: whether a cancelled job is certain not to be charged.
        output_seconds: how long its links to results live, or None when the bytes come with the answer.
        find: how well a job can be found whose id was never told; anything but ``None`` needs a ``Finder``.
        submit_seconds: how long one submit may take before its outcome counts as unknown.
    """

    steps: frozenset[StepKind]
    modes: frozenset[Mode]
    cancel: Cancel = Cancel.NONE
    cancel_is_free: bool = False
    output_seconds: int | None = None
    find: Find = Find.NONE
    submit_seconds: float = 30.0
