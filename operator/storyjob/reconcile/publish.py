"""Writes a story's status: at most once a second, at once when its phase changes, never when nothing did."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Literal

from storyjob.api.conditions import MESSAGE_LIMIT
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.cluster.cache import key_of
from storyjob.cluster.objects import write_status
from storyjob.cluster.resources import STORYJOBS
from storyjob.planning.ending import FilmState
from storyjob.planning.retry import pause_after
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.world import World, now

INTERVAL = 1.0  # seconds


async def publish(world: World, story: StoryJob, status: StoryJobStatus, film: FilmState) -> None:
    """Write the status if it differs and if it is time to; else come back when it is."""
    status = _with_film(world, story, status, film)
    if status == story.status:
        return
    uid, moment = story.metadata.uid, time.monotonic()
    since = moment - world.desk.published.get(uid, float("-inf"))
    urgent = status.phase != story.status.phase or status.film_failures != story.status.film_failures
    if since < INTERVAL and not urgent:
        world.enqueue(Kind.STORY, key_of(story), INTERVAL - since)
        return
    written = await write_status(world.cluster, STORYJOBS, story.metadata, story.status, status)
    world.desk.published[uid] = moment
    if written is None:
        return
    fresh = StoryJob.model_validate(written)
    world.caches.stories.put(fresh)
    if status.phase != story.status.phase:
        await _tell(world, fresh)


def _with_film(world: World, story: StoryJob, status: StoryJobStatus, film: FilmState) -> StoryJobStatus:
    """Count a failed try of the film, or forget the failures once it worked or a retry was asked for."""
    asked = story.metadata.retry_asked
    desk = world.desk.films.get(story.metadata.uid)
    failures, error, retry_at = status.film_failures, status.film_error, status.film_retry_at
    if film.done or asked != status.retry:
        failures, error, retry_at = 0, None, None
    if desk is not None and desk.error is not None and not film.done:
        failures += 1
        retry_at = (now() + timedelta(seconds=pause_after(story.spec.retry, failures))).replace(microsecond=0)
        error, desk.error = desk.error[:MESSAGE_LIMIT], None
        world.enqueue_at(Kind.STORY, key_of(story), retry_at)
    film_fields = {"film_failures": failures, "film_error": error, "film_retry_at": retry_at}
    return status.model_copy(update=film_fields | {"retry": asked})


async def _tell(world: World, story: StoryJob) -> None:
    phase = story.status.phase
    level: Literal["Normal", "Warning"] = "Warning" if phase == "Failed" else "Normal"
    reason = next((c.reason for c in story.status.conditions if c.type == "Ready"), str(phase))
    await world.events.tell("StoryJob", story.metadata, reason, story.status.message or str(phase), level=level)
