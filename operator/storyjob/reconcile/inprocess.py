"""Makes films in this process: each scene's segment as soon as it is complete, the whole once all are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakSet

from storyjob.api.errors import FilmError, MediaError, StorageError
from storyjob.api.outcome import Alignment
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Key, key_of
from storyjob.media.film import FilmMaker
from storyjob.media.manifest import Facts
from storyjob.media.record import read_spoken
from storyjob.media.roughcut import RoughCut
from storyjob.media.shot import Cut, Look, Segment, Shot, segment_hash
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

# Begun at a time, each with an encoder; and grown no more while all of them take so much of the disk. What of a film
# was not put together before its end comes then.
ROUGH_CUTS, ROUGH_BYTES = 64, 1 << 30
Heard = dict[str, str]


class InProcess:
    """Renders while a story still runs, so that only the join is left at its end."""

    def __init__(self, maker: FilmMaker) -> None:
        self._maker = maker
        self._cuts: WeakSet[RoughCut] = WeakSet()
        """All that there are, those included that grow at this moment or wait to be let go of."""
        self._growth = asyncio.Lock()

    def go_on(self, world: World, order: FilmOrder) -> str | None:
        """Render what was never rendered; once nothing is missing and the film is certain, join it."""
        story, shots, look = order.story, order.shots, order.look
        desk, namespace, known = world.desk.films[story.metadata.uid], story.metadata.namespace, heard(order.plan)
        hashes = [segment_hash(shot, look) for shot in shots]
        missing = {digest: shot for digest, shot in zip(hashes, shots, strict=True) if digest not in desk.segments}
        desk.awaited = order.name is not None
        for digest, shot in missing.items():
            work = partial(self._segment, world, desk, namespace, digest, shot, look, known.get(shot.name))
            _start(world, story, ("segment", story.metadata.uid, digest), work)
        growing = ("rough-cut", story.metadata.uid)
        if story.status.phase == "Failed" or (desk.rough is not None and not desk.rough.begins(hashes)):
            desk.drop()
        if order.name is None:
            beginning = _beginning(desk, shots, hashes)
            if len(beginning) > _length(desk.rough) and self._may_grow(world, desk, story):
                _start(world, story, growing, partial(self._grow, desk, beginning))
        elif not missing and growing not in world.tasks:
            cut = Cut(title_of(story), shots, [desk.segments[digest] for digest in hashes], look)
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

    def _may_grow(self, world: World, desk: FilmDesk, story: StoryJob) -> bool:
        if desk.whole or story.status.phase == "Failed" or self._is_full():
            return False
        growing = sum(isinstance(name, tuple) and name[0] == "rough-cut" for name in world.tasks.names())
        return desk.rough is not None or len(self._cuts) + growing < ROUGH_CUTS

    def _is_full(self) -> bool:
        return sum(rough.bytes for rough in self._cuts) > ROUGH_BYTES

    async def _segment(
        self, world: World, desk: FilmDesk, namespace: str, digest: str, shot: Shot, look: Look, heard: str | None
    ) -> None:
        if not desk.awaited:
            await world.traffic.give_way()
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

    async def _grow(self, desk: FilmDesk, beginning: Sequence[tuple[str, Segment]]) -> None:
        """Add what is new at the film's beginning, so that its end need not wait for that."""
        async with self._growth:
            if self._is_full():
                return  # others have grown while we waited
            begun, desk.rough = desk.rough, None
            try:
                desk.rough = await self._maker.rough_cut(beginning[_length(begun) :], begun)
                self._cuts.add(desk.rough)
            except (FilmError, StorageError) as error:
                desk.whole = True
                _log.warning("it is put together as a whole: %s", error)

    async def _film(
        self, world: World, desk: FilmDesk, namespace: str, cut: Cut, facts: Facts, name: str, heard: Heard
    ) -> None:
        begun, desk.rough = desk.rough, None
        try:
            shots = [await _aligned(world, desk, namespace, shot, heard.get(shot.name)) for shot in cut.shots]
            made = await self._maker.film(namespace, replace(cut, shots=shots), facts, begun)
        except (FilmError, StorageError, MediaError) as error:
            _log.warning('film "%s": %s', cut.title, error)
            desk.error = str(error)
            desk.segments.clear()  # one of them may be what is wrong; those in the bucket are found again
        else:
            desk.outputs = made.model_copy(update={"hash": name})
            if begun is not None:
                begun.close()  # not after an error: a thread may be at it yet, and lets go of it when it ends


def _beginning(desk: FilmDesk, shots: Sequence[Shot], hashes: Sequence[str]) -> list[tuple[str, Segment]]:
    """Return the segments of the story's first scenes, up to the first one that is not rendered yet."""
    found: list[tuple[str, Segment]] = []
    for shot, digest in zip(shots, hashes, strict=True):
        if shot.index != len(found) or digest not in desk.segments:
            break
        found.append((shot.name, desk.segments[digest]))
    return found


def _length(rough: RoughCut | None) -> int:
    return 0 if rough is None else len(rough.scenes)


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
