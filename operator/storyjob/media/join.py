"""Joins segments and their sound into one film without encoding anything again, and checks what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from storyjob.api.errors import FilmError, MediaError
from storyjob.media.ffmpeg import INPUT, run_ffmpeg
from storyjob.media.probe import probe
from storyjob.media.shot import SAMPLE_RATE, Look

_BASE_SECONDS = 120.0
_SECONDS_PER_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a film is joined from: files in ``directory``, in order, and their total length."""

    directory: Path
    segments: Sequence[Path]
    sound: Path
    seconds: float
    captions: Path | None
    title: str


async def join(parts: Parts, output: Path) -> None:
    """Write the film. Memory does not grow with the number of segments. Raises ``FilmError``."""
    playlist = parts.directory / "segments.txt"
    # The names are our own, so that nothing in them needs escaping.
    playlist.write_text("".join(f"file {path.name}\n" for path in parts.segments))
    await run_ffmpeg(
        _arguments(playlist, parts, output),
        what="the film",
        directory=parts.directory,
        seconds=_BASE_SECONDS + parts.seconds * _SECONDS_PER_SECOND,
    )


def _arguments(playlist: Path, parts: Parts, output: Path) -> list[str]:
    captions = parts.captions
    with_captions = ("-map", "2:s:0", "-c:s", "mov_text", "-disposition:s:0", "0")
    return [
        *("-threads", "1", *INPUT),
        *("-f", "concat", "-safe", "1", "-i", playlist.name),
        *(*INPUT, "-f", "mov", "-i", str(parts.sound)),
        *((*INPUT, "-f", "webvtt", "-i", captions.name) if captions else ()),
        *("-map", "0:v:0", "-map", "1:a:0", *(with_captions if captions else ())),
        *("-c:v", "copy", "-c:a", "copy"),
        *("-map_metadata", "-1", "-metadata", f"title={parts.title}"),
        *("-movflags", "+faststart", "-bitexact", "-f", "mp4", str(output)),
    ]


def check_film(path: Path, seconds: float, look: Look, *, with_captions: bool) -> float:
    """Return the film's measured length. Blocks. Raises ``FilmError`` when it is not the film that was asked for."""
    try:
        found = probe(path)
        with path.open("rb") as file, av.open(file, "r", format="mov") as container:
            tracks = [stream.type for stream in container.streams]
            lengths = [
                float((stream.duration or 0) * (stream.time_base or 0))
                for stream in (*container.streams.video, *container.streams.audio)
            ]
    except MediaError as error:
        raise FilmError(f"the film is damaged: {error}") from error
    expected = ["video", "audio", *(["subtitle"] if with_captions else [])]
    if tracks != expected:
        raise FilmError(f"the film has the tracks {tracks} instead of {expected}")
    if (found.width, found.height) != (look.width, look.height):
        raise FilmError(f"the film is {found.width}x{found.height} instead of {look.width}x{look.height}")
    # One packet of AAC is 1,024 samples, and the encoder adds one in front.
    allowed = 2 / look.fps + 2 * 1024 / SAMPLE_RATE
    if any(abs(length - seconds) > allowed for length in lengths):
        raise FilmError(f"the film's tracks last {lengths} s; the scenes add up to {seconds:.3f} s")
    return max(lengths)
