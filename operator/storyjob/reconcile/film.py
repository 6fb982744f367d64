"""Makes the film: each scene's segment as soon as the scene is complete, the whole once all are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from storyjob.api.errors import FilmError, MediaError, OutputLost, StorageError
from storyjob.api.outcome import Alignment
from storyjob.api.reasons import Reason
from storyjob.api.step import StepKind
from storyjob.api.storyjob import Outputs, StoryJob
from storyjob.cluster.cache import key_of
from storyjob.media.manifest import Facts
from storyjob.media.record import read_record
from storyjob.media.shot import Cut, Look, Shot, segment_hash
from storyjob.planning.ending import FilmState
from storyjob.planning.plan import StoryPlan
from storyjob.planning.view import StoryView
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.shots import film_name, look_of, shots_so_far, title_of
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import FilmDesk, World

_log = logging.getLogger(__name__)


def tend_film(world: World, view: StoryView, plan: StoryPlan) -> tuple[FilmState, Outputs | None]:
    """Start what the film needs now; return how far it is and the files that the story has to show."""
    story, before = view.story, view.story.status
    settled = _settled(story, plan)
    look = look_of(story.spec.film)
    shots = shots_so_far(story, plan, settled=settled)
    desk = world.desk.films.setdefault(story.metadata.uid, FilmDesk())
    name = film_name(story, shots, look) if settled and shots else None
    outputs = desk.outputs if desk.outputs and desk.outputs.hash == name else before.outputs
    if name is not None and outputs is not None and outputs.hash == name:
        return FilmState(name, done=True), outputs
    fresh = before.retry != story.metadata.retry_asked
    gave_up = before.film_failures > story.spec.retry.limit and not fresh
    waits = before.film_retry_at is not None and before.film_retry_at > view.now and not fresh
    if waits and before.film_retry_at is not None:
        plan.wake(before.film_retry_at)
    if not (gave_up or waits or story.spec.suspend or desk.error):
        _start_missing(world, story, plan, shots, look, name)
    return FilmState(name, error=desk.error or before.film_error, gave_up=gave_up), outputs


def _settled(story: StoryJob, plan: StoryPlan) -> bool:
    """Whether it is certain what the film is made of."""
    lenient = story.spec.on_scene_failure != "Fail"
    return all(view.complete or (lenient and view.given_up) for view in plan.views)


def _start_missing(
    world: World, story: StoryJob, plan: StoryPlan, shots: list[Shot], look: Look, name: str | None
) -> None:
    desk = world.desk.films[story.metadata.uid]
    namespace = story.metadata.namespace
    missing = {digest: shot for shot in shots if (digest := segment_hash(shot, look)) not in desk.segments}
    for digest, shot in missing.items():
        work = partial(_segment, world, desk, namespace, digest, shot, look, _input_hash(plan, shot))
        _start(world, story, ("segment", story.metadata.uid, digest), work)
    if name is None or missing:
        return
    segments = [desk.segments[segment_hash(shot, look)] for shot in shots]
    heard = {shot.name: _input_hash(plan, shot) for shot in shots}
    cut = Cut(title_of(story), shots, segments, look)
    facts = _facts(story, plan)
    _start(world, story, ("film", story.metadata.uid), partial(_film, world, desk, namespace, cut, facts, name, heard))


def _start(world: World, story: StoryJob, name: tuple[str, ...], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    world.tasks.start(name, Pool.FILM, work, then=lambda: world.enqueue(Kind.STORY, key_of(story)))


async def _segment(
    world: World, desk: FilmDesk, namespace: str, digest: str, shot: Shot, look: Look, heard: str | None
) -> None:
    try:
        # Read with the segment, so that the film need not wait for all of them one after another.
        await _spoken(world, desk, namespace, shot, heard)
        desk.segments[digest] = await world.films.segment(namespace, shot, look)
    except FilmError as error:
        _log.warning("%s", error)
        desk.error = f"{Reason.OUTPUT_LOST}: {error}" if isinstance(error, OutputLost) else str(error)
    except (StorageError, MediaError) as error:
        _log.warning('segment of scene "%s": %s', shot.name, error)
        desk.error = f'scene "{shot.name}": {error}'


async def _film(
    world: World, desk: FilmDesk, namespace: str, cut: Cut, facts: Facts, name: str, heard: dict[str, str | None]
) -> None:
    try:
        shots = [await _aligned(world, desk, namespace, shot, heard.get(shot.name)) for shot in cut.shots]
        made = await world.films.film(namespace, replace(cut, shots=shots), facts)
    except (FilmError, StorageError, MediaError) as error:
        _log.warning('film "%s": %s', cut.title, error)
        desk.error = str(error)
        desk.segments.clear()  # one of them may be what is wrong; those in the bucket are found again
    else:
        desk.outputs = made.model_copy(update={"hash": name})


async def _spoken(world: World, desk: FilmDesk, namespace: str, shot: Shot, input_hash: str | None) -> Alignment | None:
    """Return what the narration's record knows of when each word is spoken, for the captions."""
    if shot.audio is None or input_hash is None:
        return None
    if shot.audio.sha256 not in desk.spoken:
        record = await read_record(world.store, world.layout(namespace).record(input_hash))
        known = record is not None and record.sha256 == shot.audio.sha256
        desk.spoken[shot.audio.sha256] = record.spoken if record is not None and known else None
    return desk.spoken[shot.audio.sha256]


def _input_hash(plan: StoryPlan, shot: Shot) -> str | None:
    """Return the hash under which a shot's narration was bought."""
    wish = next((v.desires.get(StepKind.AUDIO) for v in plan.views if v.spec.name == shot.name), None)
    return wish.step.input_hash if wish is not None else None


async def _aligned(world: World, desk: FilmDesk, namespace: str, shot: Shot, input_hash: str | None) -> Shot:
    alignment = await _spoken(world, desk, namespace, shot, input_hash)
    return shot if shot.audio is None else replace(shot, audio=replace(shot.audio, alignment=alignment))


def _facts(story: StoryJob, plan: StoryPlan) -> Facts:
    """Return what the manifest tells besides the media: models, inputs, hashes, costs and times."""
    scenes = {}
    for view in plan.views:
        scenes[view.spec.name] = {
            kind.value: {
                "prompt": getattr(view.spec.wish(kind), "prompt", None) or getattr(view.spec.wish(kind), "text", None),
                "provider": wish.step.provider,
                "model": wish.step.model,
                "inputHash": wish.step.input_hash,
                "jobId": wish.step.job_id,
                "attempts": wish.step.attempt,
                "reused": wish.step.reused,
                "cost": wish.step.cost,
                "finishedAt": wish.step.finished_at.isoformat() if wish.step.finished_at else None,
            }
            for kind, wish in view.desires.items()
        }
    meta = story.metadata
    return Facts(
        story={"namespace": meta.namespace, "name": meta.name, "uid": meta.uid, "generation": meta.generation},
        scenes=scenes,
    )
