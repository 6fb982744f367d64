"""Makes films in this process: each scene's segment as soon as it is complete, the whole once all are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from storyjob.api.errors import FilmError, MediaError, StorageError
from storyjob.api.outcome import Alignment
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Key, key_of
from storyjob.media.film import FilmMaker
from storyjob.media.manifest import Facts
from storyjob.media.record import read_spoken
from storyjob.media.shot import Cut, Look, Shot, segment_hash
from storyjob.planning.ending import film_error
from storyjob.reconcile.desk import FilmDesk
from storyjob.reconcile.facts import facts_of, heard
from storyjob.reconcile.filmrunner import FilmOrder
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import SHOWN_AFTER
from storyjob.reconcile.shots import title_of
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

Heard = dict[str, str]


class InProcess:
    """Renders while a story still runs, so that only the join is left at its end."""

    def __init__(self, maker: FilmMaker) -> None:
        self._maker = maker

    def go_on(self, world: World, order: FilmOrder) -> str | None:
        """Render what was never rendered; once nothing is missing and the film is certain, join it."""
        story, shots, look = order.story, order.shots, order.look
        desk, namespace, known = world.desk.films[story.metadata.uid], story.metadata.namespace, heard(order.plan)
        missing = {digest: shot for shot in shots if (digest := segment_hash(shot, look)) not in desk.segments}
        desk.awaited = order.name is not None
        for digest, shot in missing.items():
            work = partial(self._segment, world, desk, namespace, digest, shot, look, known.get(shot.name))
            _start(world, story, ("segment", story.metadata.uid, digest), work)
        if order.name is not None and not missing:
            cut = Cut(title_of(story), shots, [desk.segments[segment_hash(shot, look)] for shot in shots], look)
            film = partial(self._film, world, desk, namespace, cut, facts_of(story, order.plan), order.name, known)
            _start(world, story, ("film", story.metadata.uid), film)
        return None

    def rest(self, world: World, story: Key) -> None:
        """Nothing: what is being rendered is short, and is found again."""

    async def let_go(self, world: World, story: StoryJob) -> None:
        """Nothing: nothing is anywhere else."""

    async def follow(self, world: World) -> None:
        """Wait: nothing is made elsewhere."""
        await asyncio.Event().wait()

    async def _segment(
        self, world: World, desk: FilmDesk, namespace: str, digest: str, shot: Shot, look: Look, heard: str | None
    ) -> None:
        try:
            # Read with the segment, so that the film need not wait for all of them one after another.
            await _spoken(world, desk, namespace, shot, heard)
            desk.segments[digest] = await self._maker.segment(namespace, shot, look)
        except FilmError as error:
            _log.warning("%s", error)
            desk.error = film_error(error)
        except (StorageError, MediaError) as error:
            _log.warning('segment of scene "%s": %s', shot.name, error)
            desk.error = f'scene "{shot.name}": {error}'

    async def _film(
        self, world: World, desk: FilmDesk, namespace: str, cut: Cut, facts: Facts, name: str, heard: Heard
    ) -> None:
        try:
            shots = [await _aligned(world, desk, namespace, shot, heard.get(shot.name)) for shot in cut.shots]
            made = await self._maker.film(namespace, replace(cut, shots=shots), facts)
        except (FilmError, StorageError, MediaError) as error:
            _log.warning('film "%s": %s', cut.title, error)
            desk.error = str(error)
            desk.segments.clear()  # one of them may be what is wrong; those in the bucket are found again
        else:
            desk.outputs = made.model_copy(update={"hash": name})


def _start(world: World, story: StoryJob, name: tuple[str, ...], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    desk = world.desk.films[story.metadata.uid]

    def ended() -> None:
        # While scenes are still being bought, nothing follows from a segment.
        world.enqueue(Kind.STORY, key_of(story), 0.0 if desk.awaited or desk.error else SHOWN_AFTER)

    world.tasks.start(name, Pool.FILM, work, then=ended)


async def _spoken(world: World, desk: FilmDesk, namespace: str, shot: Shot, input_hash: str | None) -> Alignment | None:
    """Return what the narration's record knows of when each word is spoken, for the captions."""
    if shot.audio is None or input_hash is None:
        return None
    sha256 = shot.audio.sha256
    if sha256 not in desk.spoken:
        desk.spoken[sha256] = await read_spoken(world.store, world.layout(namespace), input_hash, sha256)
    return desk.spoken[sha256]


async def _aligned(world: World, desk: FilmDesk, namespace: str, shot: Shot, input_hash: str | None) -> Shot:
    alignment = await _spoken(world, desk, namespace, shot, input_hash)
    return shot if shot.audio is None else replace(shot, audio=replace(shot.audio, alignment=alignment))
