"""Films a still: a slow camera move over it, H.264 in an MP4."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageOps

from storyjob.simulator.job import Media, Wish
from storyjob.simulator.media.ffmpeg import run_ffmpeg
from storyjob.simulator.media.picture import paint

_FPS = 24
# zoompan moves by whole pixels: a larger picture makes these steps too small to be seen.
_OVERSIZE = 2
# Both leave the margin around a caption in view.
_ZOOM = 0.08
_PAN = 1.05
_WIND = "anoisesrc=color=brown:amplitude=0.05:sample_rate=44100"


async def film(wish: Wish, job_id: str, index: int, still: Image.Image | None) -> Media:
    """Return a clip of ``wish.seconds`` that moves over the still, or over a picture of the prompt."""
    if still is not None and wish.follow_still:
        wish = _fitted(wish, still)
    with tempfile.TemporaryDirectory(prefix="storyjob-clip-") as folder:
        source, target = Path(folder) / "still.png", Path(folder) / "clip.mp4"
        await asyncio.to_thread(_prepare, wish, index, still, source)
        await run_ffmpeg(*_arguments(wish, index, source), *("-metadata", f"comment={job_id}/{index}"), str(target))
        return Media(target.read_bytes(), "video/mp4", "mp4")


def _fitted(wish: Wish, still: Image.Image) -> Wish:
    """Return the wish with the still's shape and its own shorter side."""
    scale = min(wish.width, wish.height) / min(still.size)
    width, height = (round(side * scale / 2) * 2 for side in still.size)
    return replace(wish, width=width, height=height)


def _prepare(wish: Wish, index: int, still: Image.Image | None, target: Path) -> None:
    size = wish.width * _OVERSIZE, wish.height * _OVERSIZE
    picture = still if still is not None else paint(wish, index)
    ImageOps.fit(picture, size, Image.Resampling.BICUBIC).save(target, compress_level=1)


def _arguments(wish: Wish, index: int, source: Path) -> list[str]:
    frames = max(round(wish.seconds * _FPS), 1)
    zoom, x, y = _camera(wish, index, frames)
    move = f"zoompan=z='{zoom}':x='{x}':y='{y}':d={frames}:s={wish.width}x{wish.height}:fps={_FPS}"
    sound = ["-f", "lavfi", "-t", str(wish.seconds), "-i", _WIND, "-c:a", "aac", "-b:a", "64k"]
    return [
        *("-i", str(source)),
        *(sound[:6] if wish.sound else ()),
        *("-vf", f"{move},format=yuv420p", "-frames:v", str(frames)),
        *(sound[6:] if wish.sound else ()),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-movflags", "+faststart"),
    ]


def _camera(wish: Wish, index: int, frames: int) -> tuple[str, str, str]:
    """Return zoompan's expressions: the move the prompt asks for, else one by seed."""
    done = f"(on/{max(frames - 1, 1)})"
    ease = f"(0.5-0.5*cos(PI*{done}))"
    middle_x, middle_y = "(iw-iw/zoom)/2", "(ih-ih/zoom)/2"
    moves = {
        "in": (f"1+{_ZOOM}*{ease}", middle_x, middle_y),
        "out": (f"{1 + _ZOOM}-{_ZOOM}*{ease}", middle_x, middle_y),
        "left": (str(_PAN), f"(iw-iw/zoom)*(1-{ease})", middle_y),
        "right": (str(_PAN), f"(iw-iw/zoom)*{ease}", middle_y),
        "up": (str(_PAN), middle_x, f"(ih-ih/zoom)*(1-{ease})"),
        "down": (str(_PAN), middle_x, f"(ih-ih/zoom)*{ease}"),
    }
    words = wish.text.lower().split()
    asked = [name for name in moves if name in words]
    # Not for secrets: the same wish shall move the same way.
    chosen = asked[0] if asked else random.Random(f"{wish.text}/{wish.seed}/{index}").choice(list(moves))  # noqa: S311
    return moves[chosen]
