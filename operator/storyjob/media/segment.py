"""Renders one scene into one segment, once: what is in the bucket under its hash is never rendered again."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from storyjob.api.errors import FilmError, MediaError, OutputLost
from storyjob.killpoint import Act, crossing
from storyjob.media.ffmpeg import run_ffmpeg
from storyjob.media.inputs import bring, file_sha256
from storyjob.media.layout import Layout
from storyjob.media.picture import write_card, write_frame
from storyjob.media.probe import Probe, probe
from storyjob.media.render import Heard, Seen, segment_arguments
from storyjob.media.shot import Look, Segment, Shot, frames, segment_hash
from storyjob.media.store import Store

# Encoding is several times faster than playing even on a slow machine; downloads are not counted.
# Segments are made while the story still buys; what is bought next must not wait for them.
NICENESS = 10
_BASE_SECONDS = 120.0
_SECONDS_PER_SECOND = 20.0


def segment_of(layout: Layout, shot: Shot, look: Look) -> Segment:
    """Return the segment of a shot, rendered or not."""
    digest = segment_hash(shot, look)
    return Segment(layout.segment(digest), digest, frames(shot, look) / look.fps)


async def make_segment(store: Store, layout: Layout, shot: Shot, look: Look, workdir: Path) -> Segment:
    """Return the segment of a shot, rendering it if the bucket does not have it.

    Raises ``FilmError`` naming the scene, and ``StorageError``.
    """
    segment = segment_of(layout, shot, look)
    if not _is_new(store, shot, segment) and await store.exists(segment.key):
        return segment
    with tempfile.TemporaryDirectory(prefix="segment-", dir=workdir) as name:
        directory = Path(name)
        try:
            output = await _render(store, shot, look, directory)
        except (FilmError, MediaError) as error:
            again = OutputLost if isinstance(error, OutputLost) else FilmError
            raise again(f'scene "{shot.name}": {error}') from error
        sha256 = await asyncio.to_thread(file_sha256, output)
        with crossing(Act.SEGMENT):
            await store.upload(segment.key, output, content_type="video/mp4", sha256=sha256)
    return segment


def _is_new(store: Store, shot: Shot, segment: Segment) -> bool:
    """Whether nobody can have rendered it: some of it was bought just now. To be wrong costs a rendering."""
    made_of = [media for media in (shot.clip, shot.still, shot.audio) if media is not None]
    bought = any(store.at_hand(media.key, bucket=media.bucket) for media in made_of)
    return bought and not store.at_hand(segment.key)


async def _render(store: Store, shot: Shot, look: Look, directory: Path) -> Path:
    output, count = directory / "segment.mp4", frames(shot, look)
    seen, own_sound = await _seen(store, shot, look, directory)
    heard = own_sound
    if shot.audio is not None:
        heard = Heard(await bring(store, shot.audio, directory / "audio"), shot.audio.content_type)
    seconds = count / look.fps
    await run_ffmpeg(
        segment_arguments(seen, heard, look, count, output),
        what="the segment",
        directory=directory,
        seconds=_BASE_SECONDS + seconds * _SECONDS_PER_SECOND,
        niceness=NICENESS,
    )
    _check(await asyncio.to_thread(probe, output), seconds, look)
    return output


async def _seen(store: Store, shot: Shot, look: Look, directory: Path) -> tuple[Seen, Heard | None]:
    size = (look.width, look.height)
    frame = directory / "frame.rgb"
    if shot.clip is not None:
        path = await bring(store, shot.clip, directory / "clip")
        found = await asyncio.to_thread(probe, path)
        if not found.has_video:
            raise FilmError(f"{store.uri(shot.clip.key, shot.clip.bucket)} has no picture in it")
        own = Heard(path, found.content_type) if found.has_audio else None
        return Seen(path, found.content_type), own
    if shot.still is not None:
        picture = await bring(store, shot.still, directory / "image")
        await asyncio.to_thread(write_frame, picture, frame, size)
    else:
        await asyncio.to_thread(write_card, shot.name, frame, size)
    return Seen(frame), None


def _check(made: Probe, seconds: float, look: Look) -> None:
    wrong_size = (made.width, made.height) != (look.width, look.height)
    off = abs((made.seconds or 0.0) - seconds)
    if wrong_size or not made.has_audio or off > 1 / look.fps:
        raise FilmError(
            f"the segment came out wrong: {made.width}x{made.height}, {made.seconds or 0:.3f} s instead of "
            f"{look.width}x{look.height}, {seconds:.3f} s"
        )
