"""The studio for thousands of jobs: tiny, valid, and different for each job."""

from __future__ import annotations

import asyncio
import hashlib
import struct

from PIL import Image

from storyjob.api.step import StepKind
from storyjob.simulator.job import Media, Wish
from storyjob.simulator.media.audio_format import parse_format
from storyjob.simulator.media.encode import encode_picture
from storyjob.simulator.media.espeak import align
from storyjob.simulator.media.ffmpeg import run_ffmpeg
from storyjob.simulator.settings import SPEECH_SECONDS_MINIMUM, SPEECH_SECONDS_PER_CHARACTER

_LONG_SIDE = 64  # pixels
_RATE = 44100  # Hz
# One frame of silence: MPEG-1 layer III, 32 kbit/s, mono; all its bits zero mean no sound.
_FRAME = b"\xff\xfb\x10\xc4" + bytes(100)
_FRAME_SAMPLES = 1152


class SmallStudio:
    """Makes plain pictures, silence and still clips."""

    def __init__(self) -> None:
        self._clips: dict[tuple[int, int, float], asyncio.Task[bytes]] = {}

    async def make(self, wish: Wish, job_id: str, index: int) -> Media:
        """Return file ``index`` of a job. Raises ``MediaError``."""
        name = f"{job_id}/{index}"
        match wish.kind:
            case StepKind.IMAGE:
                return encode_picture(Image.new("RGB", _size(wish), _colour(wish)), wish.format, name)
            case StepKind.VIDEO:
                return Media(await self._clip(wish) + _free_box(name), "video/mp4", "mp4")
            case StepKind.AUDIO:
                return await _silence(wish, name)

    async def _clip(self, wish: Wish) -> bytes:
        """Return the one clip of this size and length, filmed once."""
        key = (*_size(wish), wish.seconds)
        if key not in self._clips:
            self._clips[key] = asyncio.create_task(_film(*key))
        return await asyncio.shield(self._clips[key])


def _size(wish: Wish) -> tuple[int, int]:
    scale = _LONG_SIDE / max(wish.width, wish.height)
    return max(2, round(wish.width * scale / 2) * 2), max(2, round(wish.height * scale / 2) * 2)


def _colour(wish: Wish) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(f"{wish.text}/{wish.seed}".encode()).digest()[:3]
    return red, green, blue


async def _film(width: int, height: int, seconds: float) -> bytes:
    # A fragmented file can be written to a pipe, and its length is right all the same.
    return await run_ffmpeg(
        *("-f", "lavfi", "-i", f"color=c=0x335577:s={width}x{height}:r=8:d={seconds}"),
        *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"),
        *("-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"),
    )


def _free_box(name: str) -> bytes:
    """Return an MP4 box that players skip."""
    body = name.encode()
    return struct.pack(">I4s", 8 + len(body), b"free") + body


async def _silence(wish: Wish, name: str) -> Media:
    seconds = max(SPEECH_SECONDS_MINIMUM, SPEECH_SECONDS_PER_CHARACTER * len(wish.text))
    frames = round(seconds * _RATE / _FRAME_SAMPLES)
    data = _id3(name) + _FRAME * frames
    alignment = align(wish.text, [], frames * _FRAME_SAMPLES / _RATE)
    audio = parse_format(wish.format)
    if audio.extension != "mp3":
        data = await run_ffmpeg("-i", "pipe:0", *audio.arguments, "pipe:1", stdin=data)
    return Media(data, audio.content_type, audio.extension, alignment)


def _synchsafe(size: int) -> bytes:
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _id3(name: str) -> bytes:
    """Return an ID3v2.4 tag whose title is the job's name."""
    text = b"\x03" + name.encode()
    frame = b"TIT2" + _synchsafe(len(text)) + b"\x00\x00" + text
    return b"ID3\x04\x00\x00" + _synchsafe(len(frame)) + frame
