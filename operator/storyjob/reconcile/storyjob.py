"""Reconciles one StoryJob: gather what is, decide what comes next, start it, write what the story looks like."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from storyjob.ambient import monotonic, now
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.reasons import Reason
from storyjob.api.resource import JOBS_FINALIZER, RETRY_ANNOTATION
from storyjob.api.scene import Scene, SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Key, key_of
from storyjob.cluster.errors import Conflict, NotFound, TestFailed
from storyjob.cluster.objects import set_finalizer
from storyjob.cluster.resources import STORYJOBS
from storyjob.planning.admission import CLOSED
from storyjob.planning.children import scene_spec
from storyjob.planning.clock import deadline, expires_at, run_clock
from storyjob.planning.ending import FilmState, Standstill, judge
from storyjob.planning.fallback import ways
from storyjob.planning.plan import Offer, StoryPlan
from storyjob.planning.story import plan_story
from storyjob.planning.storystatus import Facts, story_status
from storyjob.planning.validate import Problem, graph_problems
from storyjob.planning.view import ProviderView, StepId, StoryView
from storyjob.reconcile.attempt import about_step
from storyjob.reconcile.children import FIRST, align_children, make_children
from storyjob.reconcile.desk import Wishes
from storyjob.reconcile.film import tend_film
from storyjob.reconcile.finalize import finalize_story
from storyjob.reconcile.lookup import look_up
from storyjob.reconcile.publish import publish
from storyjob.reconcile.queue import Item, Kind
from storyjob.reconcile.remember import write_roll_up
from storyjob.reconcile.source import measure_source, source_errors
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

# Planning is some third of a pass, so passes take a third of one core at most, up to plans of 0.2 s; an eighth
# where that lets none wait for 0.1 s. Not by the time of the whole pass: most of it is waiting for the API server.
REST_FACTOR, QUICK_FACTOR, QUICK_SECONDS = 5, 20, 0.1
LONGEST_REST = 1.0  # seconds; a plan took long, too, when the whole machine stood still for a while
SHOWN_FIRST_AFTER = 0.05  # seconds
SOURCE_AGAIN = timedelta(seconds=30)


async def reconcile_story(world: World, key: Key) -> None:
    """Bring one story a step further. Doing it twice is harmless."""
    story = world.caches.stories.get(key)
    if story is None:
        world.films.rest(world, key)
        return
    if story.metadata.terminating:
        withdraw(world, story)
        world.films.rest(world, key)
        await finalize_story(world, story)
        return
    if await _expired(world, story):
        return
    # What was offered from an older view must not be bought while the Scenes change and a new view is made.
    withdraw(world, story)
    graph = graph_problems(story.spec.scenes)
    if not graph:
        story = await _with_finalizer(world, story)
    wishes = _wishes(world, story)
    if graph:
        await _advance(world, story, wishes, graph)
        return
    begun = bool(world.scenes_of(story))
    if not begun:
        # Nothing can be said of a story without any Scene.
        await make_children(world, story, wishes.specs, {})
    problems = await align_children(world, story, wishes.specs, _by_name(world, story))
    # Right after its first Scene is made there is nothing to show yet; what that needs is looked for.
    await _advance(world, story, wishes, problems, show=begun or not world.scenes_of(story))
    if begun and not _looks_for_the_first(world, story):
        await make_children(world, story, wishes.specs, _by_name(world, story))


def _looks_for_the_first(world: World, story: StoryJob) -> bool:
    """Whether it is being found out what the first Scene needs, which all narrations may wait for; that wakes us."""
    scenes = world.scenes_of(story)
    steps = [StepId(scene.metadata.uid, kind) for scene in scenes for kind in StepKind]
    return len(scenes) <= FIRST and any(("look-up", step) in world.tasks for step in steps)


def _wishes(world: World, story: StoryJob) -> Wishes:
    meta = story.metadata
    known = world.desk.wishes.get(meta.uid)
    if known is None or known.generation != meta.generation:
        scenes = range(len(story.spec.scenes))
        known = Wishes(meta.generation, tuple(scene_spec(meta.name, story.spec, index) for index in scenes))
        world.desk.wishes[meta.uid] = known
        world.desk.refused.pop(meta.uid, None)
    return known


async def _advance(
    world: World, story: StoryJob, wishes: Wishes, problems: list[Problem], *, show: bool = True
) -> None:
    moment = now()
    clock = run_clock(story, moment)
    due = deadline(story, clock)
    over = due is not None and due <= moment
    still = Standstill(story.spec.suspend, over, world.gate.storage)
    may_buy = not (problems or still.suspended or over or still.storage)
    view = replace(await _gather(world, story, wishes, may_buy=may_buy), halted_by=still.reason)
    began = monotonic()
    plan = plan_story(view)
    world.queue.rest(Item(Kind.STORY, key_of(story)), _rest_after(monotonic() - began))
    if due is not None and not over:
        plan.wake(due)
    if problems:
        film, outputs = FilmState(), story.status.outputs
    else:
        film, outputs = tend_film(world, view, plan)
        _start_searches(world, view, plan)
        _start_sources(world, view)
        await _settle_children(world, view, plan)
    _offer(world, story, plan)
    verdict = judge(story, plan, problems, film, still)
    status = story_status(view, plan, Facts(verdict, clock, outputs))
    if show:
        await publish(world, story, status, film)
    else:
        world.enqueue(Kind.STORY, key_of(story), SHOWN_FIRST_AFTER)
    world.enqueue_at(Kind.STORY, key_of(story), plan.wake_at)


def _rest_after(planning: float) -> float:
    """Return for how many seconds a story rests after a plan that took so many."""
    return min(max(REST_FACTOR * planning, min(QUICK_FACTOR * planning, QUICK_SECONDS)), LONGEST_REST)


async def _gather(world: World, story: StoryJob, wishes: Wishes, *, may_buy: bool) -> StoryView:
    owned = world.scenes_of(story)
    scenes = {scene.spec.name: scene for scene in owned if not scene.metadata.terminating}
    uids = {scene.metadata.uid for scene in scenes.values()}
    under_way = [name for name in world.tasks.names() if isinstance(name, StepId) and name.scene_uid in uids]
    searching = [name for name in world.tasks.names() if isinstance(name, tuple) and name[0] == "look-up"]
    return StoryView(
        story=story,
        specs=wishes.specs,
        hashes=wishes.hashes,
        scenes=scenes,
        leaving=tuple(scene for scene in owned if scene.metadata.terminating),
        providers=await _providers(world, story, wishes.specs),
        now=now(),
        busy=frozenset(under_way),
        generated=frozenset(world.desk.generated),
        searching=frozenset(name[1] for name in searching if name[1].scene_uid in uids),
        look_ups=world.desk.look_ups,
        being_bought=world.being_bought(story.metadata.namespace),
        source_errors=source_errors(world, story, scenes.values()),
        may_buy=may_buy,
    )


async def _providers(world: World, story: StoryJob, specs: tuple[SceneSpec, ...]) -> dict[str, ProviderView]:
    wishes = [wish for spec in specs for kind in spec.kinds() if (wish := spec.wish(kind)) is not None]
    names = {way.provider for wish in wishes for way in ways(wish)}
    found: dict[str, ProviderView] = {}
    for name in sorted(names):
        provider = world.caches.providers.get(Key(story.metadata.namespace, name))
        if provider is not None and not provider.metadata.terminating:
            await world.vendors.refresh(provider)
            found[name] = _as_seen(world, provider)
    return found


def _as_seen(world: World, provider: MediaProvider) -> ProviderView:
    key, view = key_of(provider), world.vendors.view(provider)
    halt, circuit = world.desk.halts.get(key), world.desk.circuits.get(key, CLOSED)
    if halt is not None:
        return replace(view, halted_by=halt.reason, halted_until=halt.until, halt=halt.message)
    if circuit.state(now()) == "Open":
        return replace(view, halted_by=Reason.CIRCUIT_OPEN, halted_until=circuit.until)
    return view


def _by_name(world: World, story: StoryJob) -> dict[str, Scene]:
    return {scene.spec.name: scene for scene in world.scenes_of(story)}


def _start_searches(world: World, view: StoryView, plan: StoryPlan) -> None:
    for search in plan.searches:
        scene = view.scenes[search.scene]
        with about_step(scene, search.step.kind):
            world.tasks.start(
                ("look-up", search.step),
                Pool.LOOK_UP,
                partial(look_up, world, scene, search),
                then=lambda: world.enqueue(Kind.STORY, key_of(view.story)),
            )


def _start_sources(world: World, view: StoryView) -> None:
    asked = view.story.metadata.annotations.get(RETRY_ANNOTATION)
    for scene in view.scenes.values():
        source = scene.spec.source
        known = scene.status.source
        if source is None or (known is not None and known.uri == source.uri):
            continue
        failed = world.desk.sources.get(scene.metadata.uid)
        same = failed is not None and (failed.uri, failed.asked) == (source.uri, asked)
        if failed is not None and same and view.now < failed.at + SOURCE_AGAIN:
            world.enqueue_at(Kind.STORY, key_of(view.story), failed.at + SOURCE_AGAIN)
            continue
        world.tasks.start(
            ("source", scene.metadata.uid),
            Pool.LOOK_UP,
            partial(measure_source, world, scene, source.uri, asked),
            then=lambda: world.enqueue(Kind.STORY, key_of(view.story)),
        )


async def _settle_children(world: World, view: StoryView, plan: StoryPlan) -> None:
    """Write the roll-up of Scenes that an edit changed without making anything stale."""
    for scene_view in plan.views:
        scene = scene_view.scene
        if scene_view.complete and scene is not None and scene.status.observed_generation != scene.metadata.generation:
            await write_roll_up(world, scene)


def _offer(world: World, story: StoryJob, plan: StoryPlan) -> None:
    """Tell each provider what this story would buy from it now, in place of what was said before."""
    uid, namespace = story.metadata.uid, story.metadata.namespace
    wanted: dict[Key, list[Offer]] = {}
    for offer in (*plan.offers, *plan.successors):
        wanted.setdefault(Key(namespace, offer.provider), []).append(offer)
    for key, stories in world.desk.offers.items():
        if uid in stories and key not in wanted:
            del stories[uid]
    for key, offers in wanted.items():
        world.desk.offers.setdefault(key, {})[uid] = offers
        world.enqueue(Kind.PROVIDER, key)


def withdraw(world: World, story: StoryJob) -> None:
    """Take back all offers of a story."""
    for stories in world.desk.offers.values():
        stories.pop(story.metadata.uid, None)


async def _with_finalizer(world: World, story: StoryJob) -> StoryJob:
    try:
        written = await set_finalizer(world.cluster, STORYJOBS, story.metadata, JOBS_FINALIZER, present=True)
    except TestFailed:
        # kopf adds its own to each new story at this very moment.
        story = await _read_again(world, story)
        written = await set_finalizer(world.cluster, STORYJOBS, story.metadata, JOBS_FINALIZER, present=True)
    return _seen(world, written) if written is not None else story


async def _read_again(world: World, story: StoryJob) -> StoryJob:
    """Return the story as it is now. Raises ``TestFailed`` when it was edited or goes, or another has its name."""
    fresh = _seen(world, await world.cluster.get(STORYJOBS, *key_of(story)))
    old, new = story.metadata, fresh.metadata
    if (new.uid, new.generation, new.terminating) != (old.uid, old.generation, False):
        raise TestFailed(f"story {story.metadata.namespace}/{story.metadata.name} is not the one it was")
    return fresh


def _seen(world: World, body: dict[str, Any]) -> StoryJob:
    fresh = StoryJob.model_validate(body)
    world.caches.stories.put(fresh)
    return fresh


async def _expired(world: World, story: StoryJob) -> bool:
    moment = expires_at(story)
    if moment is None:
        return False
    if moment > now():
        world.enqueue_at(Kind.STORY, key_of(story), moment)
        return False
    meta = story.metadata
    _log.info("story %s/%s has outlived its ttlSecondsAfterFinished and is deleted", meta.namespace, meta.name)
    try:
        await world.cluster.delete(STORYJOBS, meta.namespace, meta.name, uid=meta.uid)
    except (NotFound, Conflict):
        _log.debug("story %s is gone already", meta.name)
    return True
