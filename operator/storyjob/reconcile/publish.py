"""Writes a story's status: at most once a second, at once when its phase changes, never when nothing did."""

from __future__ import annotations

from datetime import timedelta

from storyjob.ambient import monotonic, now
from storyjob.api.conditions import MESSAGE_LIMIT, ConditionType
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import TestFailed
from storyjob.cluster.objects import write_status
from storyjob.cluster.resources import STORYJOBS
from storyjob.killpoint import Act, crossing
from storyjob.planning.ending import FilmState
from storyjob.planning.retry import pause_after
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.telemetry import story_moved
from storyjob.reconcile.world import World

INTERVAL = 1.0  # seconds
STALE_SECONDS = 0.2  # until the status is tried again that met a newer state of its story
TROUBLE = (
    ConditionType.STALLED,
    ConditionType.DEGRADED,
    ConditionType.OUTCOME_UNKNOWN,
)


async def publish(world: World, story: StoryJob, status: StoryJobStatus, film: FilmState) -> None:
    """Write the status if it differs and if it is time to; else come back when it is."""
    desk = world.desk.films.get(story.metadata.uid)
    film_error = None if desk is None else desk.error
    status = _with_film(world, story, status, film)
    if status == story.status:
        return
    uid, moment = story.metadata.uid, monotonic()
    since = moment - world.desk.published.get(uid, float("-inf"))
    urgent = status.phase != story.status.phase or status.film_failures != story.status.film_failures
    if since < INTERVAL and not urgent:
        world.enqueue(Kind.STORY, key_of(story), INTERVAL - since)
        return
    await world.traffic.give_way()
    try:
        with crossing(Act.STATUS):
            written = await write_status(world.cluster, STORYJOBS, story.metadata, story.status, status)
    except TestFailed:
        # Somebody wrote to the story meanwhile, as kopf does right after it was made. What is shown can wait for the
        # watch to bring that; what is bought must not. What went wrong with the film is counted then, too.
        if desk is not None and desk.error is None:
            desk.error = film_error
        world.enqueue(Kind.STORY, key_of(story), STALE_SECONDS)
        return
    world.desk.published[uid] = moment
    if written is None:
        return
    fresh = StoryJob.model_validate(written)
    world.caches.stories.put(fresh)
    story_moved(world, story.status, fresh)
    await _tell(world, story.status, fresh)


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


async def _tell(world: World, before: StoryJobStatus, story: StoryJob) -> None:
    """Write an Event for each trouble that is new, and for a new phase that is none."""
    known = {(condition.type, condition.reason) for condition in before.conditions}
    for condition in story.status.conditions:
        if condition.type in TROUBLE and (condition.type, condition.reason) not in known:
            await world.events.tell(
                "StoryJob",
                story.metadata,
                condition.reason,
                condition.message,
                level="Warning",
                occasion=condition.last_transition_time.isoformat(),
            )
    phase = story.status.phase
    if phase != before.phase and phase not in (None, "Failed"):
        ready = next((c.reason for c in story.status.conditions if c.type == ConditionType.READY), phase)
        await world.events.tell("StoryJob", story.metadata, ready, story.status.message or phase)
