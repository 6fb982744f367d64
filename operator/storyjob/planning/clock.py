"""The story's two clocks: the deadline, which stops while suspended, and the time to live after its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storyjob.api.conditions import ConditionType
from storyjob.api.reasons import Reason
from storyjob.api.storyjob import StoryJob


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the deadline's clock stands. ``start`` is None while it is stopped."""

    start: datetime | None
    used_seconds: int


def run_clock(story: StoryJob, now: datetime) -> Clock:
    """Return the clock as it should stand now: started, stopped, or begun again for work that comes after an end."""
    status, moment = story.status, now.replace(microsecond=0)
    again = status.completion_time is not None and (_asked_anew(story) or not _timed_out(story))
    used = 0 if again else status.active_seconds
    start = None if again else status.start_time
    if story.spec.suspend:
        if start is not None:
            used += int((moment - start).total_seconds())
        return Clock(None, used)
    return Clock(start or moment, used)


def _asked_anew(story: StoryJob) -> bool:
    """Whether a person edited the story or asked for a retry since its status was written."""
    status, meta = story.status, story.metadata
    return status.observed_generation != meta.generation or status.retry != meta.retry_asked


def _timed_out(story: StoryJob) -> bool:
    """Whether the deadline is what ended the story."""
    return any(c.type == ConditionType.FAILED and c.reason == Reason.DEADLINE_EXCEEDED for c in story.status.conditions)


def deadline(story: StoryJob, clock: Clock) -> datetime | None:
    """Return when nothing more may be bought, None without a deadline or while the clock is stopped."""
    limit = story.spec.active_deadline_seconds
    if limit is None or clock.start is None:
        return None
    return clock.start + timedelta(seconds=limit - clock.used_seconds)


def expires_at(story: StoryJob) -> datetime | None:
    """Return when a finished story is to be deleted, None where nobody asked for that."""
    ttl, ended = story.spec.ttl_seconds_after_finished, story.status.completion_time
    if ttl is None or ended is None or story.status.observed_generation != story.metadata.generation:
        return None
    return ended + timedelta(seconds=ttl)
