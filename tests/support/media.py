"""Real media for tests, small and made on the spot."""

from __future__ import annotations

import io
import subprocess
import tempfile
import wave
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw

from storyjob.media.ffmpeg import find_ffmpeg


@lru_cache
def picture(size: tuple[int, int] = (64, 36), colour: str = "teal", kind: str = "PNG") -> bytes:
    """Return a picture with a white disc in it."""
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill="white")
    data = io.BytesIO()
    image.save(data, kind)
    return data.getvalue()


@lru_cache
def sound(seconds: float = 1.0, kind: str = "mp3", hertz: int = 440) -> bytes:
    """Return a tone."""
    return _made(kind, "-f", "lavfi", "-i", f"sine={hertz}:d={seconds}", "-ac", "1", "-ar", "44100")


def silence() -> bytes:
    """Return a WAV that is whole and has not one sample."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
    return data.getvalue()


@lru_cache
def clip(seconds: float = 1.0, kind: str = "mp4", size: str = "64x36", silent: bool = False) -> bytes:
    """Return a moving test picture, with a tone in it unless ``silent``."""
    tone = () if silent else ("-f", "lavfi", "-i", f"sine=880:d={seconds}")
    codec = ("-c:v", "libvpx", "-c:a", "libopus") if kind == "webm" else ("-pix_fmt", "yuv420p")
    movement = ("-f", "lavfi", "-i", f"testsrc=s={size}:r=24:d={seconds}")
    fast = ("-movflags", "+faststart") if kind == "mp4" else ()
    return _made(kind, *movement, *tone, *codec, *fast)


def _made(kind: str, *arguments: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"made.{kind}"
        command = (find_ffmpeg(), "-v", "error", "-nostdin", *arguments, str(path))
        subprocess.run(command, check=True, timeout=60)
        return path.read_bytes()
