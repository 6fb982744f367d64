"""Tends a story's film: says which one it wants, whether it is there, and lets it be made when it is time to."""

from __future__ import annotations

from storyjob.api.storyjob import Outputs, StoryJob
from storyjob.cluster.cache import key_of
from storyjob.planning.ending import FilmState
from storyjob.planning.plan import StoryPlan
from storyjob.planning.view import StoryView
from storyjob.reconcile.filmrunner import FilmOrder
from storyjob.reconcile.shots import film_name, look_of, shots_so_far
from storyjob.reconcile.world import World


def tend_film(world: World, view: StoryView, plan: StoryPlan) -> tuple[FilmState, Outputs | None]:
    """Start what the film needs now; return how far it is and the files that the story has to show."""
    story, before = view.story, view.story.status
    settled = _settled(story, plan)
    look = look_of(story.spec.film)
    shots = shots_so_far(story, plan, settled=settled)
    desk = world.desk.film(story.metadata.uid)
    name = film_name(story, shots, look) if settled and shots else None
    outputs = desk.outputs if desk.outputs and desk.outputs.hash == name else before.outputs
    if name is not None and outputs is not None and outputs.hash == name:
        world.films.rest(world, key_of(story))
        desk.drop()
        return FilmState(name, done=True), outputs
    fresh = before.retry != story.metadata.retry_asked
    gave_up = before.film_failures > story.spec.retry.limit and not fresh
    waits = before.film_retry_at is not None and before.film_retry_at > view.now and not fresh
    if waits and before.film_retry_at is not None:
        plan.wake(before.film_retry_at)
    note = None
    if gave_up or waits or story.spec.suspend or desk.error:
        world.films.rest(world, key_of(story))
        desk.drop()
    else:
        order = FilmOrder(story, plan, shots, look, name, 0 if fresh else before.film_failures)
        note = world.films.go_on(world, order)
    return FilmState(name, error=desk.error or before.film_error, gave_up=gave_up, note=note), outputs


def _settled(story: StoryJob, plan: StoryPlan) -> bool:
    """Whether it is certain what the film is made of."""
    lenient = story.spec.on_scene_failure != "Fail"
    return all(view.complete or (lenient and view.given_up) for view in plan.views)
