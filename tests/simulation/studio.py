"""Stands in for ffmpeg and for looking into media: at once, and the same each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from simulation.weather import Channel, Weather
from storyjob.api.errors import FilmError, MediaError
from storyjob.api.storyjob import OutputFile, Outputs
from storyjob.media.film import Scenes
from storyjob.media.layout import FilmFile, Layout
from storyjob.media.manifest import Facts
from storyjob.media.probe import Probe
from storyjob.media.roughcut import RoughCut
from storyjob.media.shot import Cut, Look, Segment, Shot, StoredMedia, film_hash, frames, segment_hash
from storyjob.media.store import Store

PROBES = {
    b"image": Probe("image/png", "png", None, 64, 64, False, False),
    b"audio": Probe("audio/mpeg", "mp3", 2.0, None, None, True, False),
    b"video": Probe("video/mp4", "mp4", 4.0, 64, 64, False, True),
}


def look_into(path: Path) -> Probe:
    """Return what a file is, by its first word."""
    found = PROBES.get(path.read_bytes().split(b" ")[0])
    if found is None:
        raise MediaError("the bytes are no media")
    return found


@contextmanager
def installed() -> Iterator[None]:
    """Let the operator look into media with ``look_into``; nothing else of it is replaced."""
    with mock.patch("storyjob.media.fetch.probe", look_into), mock.patch("storyjob.media.recover.probe", look_into):
        yield


class SimFilms:
    """Makes segments and films out of what is in the bucket, and only out of that."""

    def __init__(self, store: Store, weather: Weather) -> None:
        self.store = store
        self._weather = weather

    async def segment(self, namespace: str, shot: Shot, look: Look) -> Segment:
        """Return the segment of one scene."""
        digest = segment_hash(shot, look)
        segment = Segment(self._layout(namespace).segment(digest), digest, frames(shot, look) / look.fps)
        if await self.store.exists(segment.key):
            return segment
        for media in (shot.image, shot.audio, shot.video, shot.source):
            await self._check(media)
        if self._weather.bad(Channel.FILM):
            raise FilmError("ffmpeg ended with 1")
        await self.store.put(segment.key, digest.encode(), content_type="video/mp4")
        return segment

    async def rough_cut(self, scenes: Scenes, begun: RoughCut | None = None) -> RoughCut:
        """Return nothing that could be seen: films are put together out of real ones."""
        raise FilmError("there is no picture here")

    async def film(self, namespace: str, cut: Cut, facts: Facts, begun: RoughCut | None = None) -> Outputs:
        """Return the film."""
        for segment in cut.segments:
            if not await self.store.exists(segment.key):
                raise FilmError(f"segment {segment.hash} is gone")
        if self._weather.bad(Channel.FILM):
            raise FilmError("ffmpeg ended with 1")
        digest = film_hash(cut)
        key, data = self._layout(namespace).film(digest, FilmFile.FILM), digest.encode()
        await self.store.put(key, data, content_type="video/mp4")
        film = OutputFile(uri=self.store.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        return Outputs(film=film, manifest=film)

    async def _check(self, media: StoredMedia | None) -> None:
        if media is None:
            return
        head = await self.store.head(media.key)
        if head is None or head.metadata["sha256"] != media.sha256:
            raise FilmError(f"{media.key} is not what it should be")

    def _layout(self, namespace: str) -> Layout:
        return Layout(self.store.config.prefix, namespace)
