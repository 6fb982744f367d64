"""Makes the film out of its rough cut, without encoding anything again, and checks what came out."""

from __future__ import annotations

from pathlib import Path

import av

from storyjob.api.errors import FilmError, MediaError
from storyjob.media.ffmpeg import INPUT, run_ffmpeg
from storyjob.media.probe import probe
from storyjob.media.shot import SAMPLE_RATE, Cut, Look

_BASE_SECONDS = 120.0
_SECONDS_PER_SECOND = 1.0


async def join(rough: Path, captions: Path | None, cut: Cut, film: Path) -> None:
    """Write the film: what its rough cut shows and says, and its captions. Raises ``FilmError``."""
    with_captions = ("-map", "1:s:0", "-c:s", "mov_text", "-disposition:s:0", "0")
    arguments = [
        *("-threads", "1", *INPUT, "-f", "mov", "-i", str(rough)),
        *((*INPUT, "-f", "webvtt", "-i", str(captions)) if captions else ()),
        *("-map", "0:v:0", "-map", "0:a:0", *(with_captions if captions else ())),
        *("-c:v", "copy", "-c:a", "copy"),
        *("-map_metadata", "-1", "-metadata", f"title={cut.title}"),
        *("-movflags", "+faststart", "-bitexact", "-f", "mp4", film.name),
    ]
    seconds = _BASE_SECONDS + cut.seconds * _SECONDS_PER_SECOND
    await run_ffmpeg(arguments, what="the film", directory=film.parent, seconds=seconds)


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
