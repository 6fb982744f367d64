"""The studio that makes media worth looking at and listening to."""

from __future__ import annotations

import asyncio

from storyjob.api.step import StepKind
from storyjob.simulator.job import Media, Wish
from storyjob.simulator.media.audio_format import parse_format
from storyjob.simulator.media.clip import film
from storyjob.simulator.media.encode import encode_picture
from storyjob.simulator.media.espeak import speak
from storyjob.simulator.media.ffmpeg import run_ffmpeg
from storyjob.simulator.media.picture import paint
from storyjob.simulator.media.still import load_still

_AT_ONCE = 2  # renderings; more would only slow each other down


class RealStudio:
    """Paints, speaks and films."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def make(self, wish: Wish, job_id: str, index: int) -> Media:
        """Return file ``index`` of a job. Raises ``MediaError`` when the wish cannot be met."""
        async with self._slots:
            match wish.kind:
                case StepKind.IMAGE:
                    picture = await asyncio.to_thread(paint, wish, index)
                    return await asyncio.to_thread(encode_picture, picture, wish.format, f"{job_id}/{index}")
                case StepKind.VIDEO:
                    still = await load_still(wish)
                    return await film(wish, job_id, index, still)
                case StepKind.AUDIO:
                    return await _narrate(wish, job_id)


async def _narrate(wish: Wish, job_id: str) -> Media:
    spoken = await asyncio.to_thread(speak, wish.text, wish.voice, wish.language)
    audio = parse_format(wish.format)
    data = await run_ffmpeg(
        *("-f", "s16le", "-ar", str(spoken.rate), "-ac", "1", "-i", "pipe:0"),
        *("-metadata", f"comment={job_id}", *audio.arguments, "pipe:1"),
        stdin=spoken.samples,
    )
    return Media(data, audio.content_type, audio.extension, spoken.alignment)
