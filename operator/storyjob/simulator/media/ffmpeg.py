"""Finds and runs ffmpeg."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil

from storyjob.api.errors import MediaError

_REMEDY = "install ffmpeg, set $FFMPEG to it, or install the extra storyjob-operator[ffmpeg]"


@functools.cache
def find_ffmpeg() -> str:
    """Return the path of ffmpeg: ``$FFMPEG``, else on the PATH, else the wheel's. Raises ``MediaError``."""
    given = os.environ.get("FFMPEG") or shutil.which("ffmpeg")
    if given:
        return given
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MediaError(f"no ffmpeg found: {_REMEDY}") from error
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaError(f"no ffmpeg found: {_REMEDY}") from error


async def run_ffmpeg(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run ffmpeg and return what it wrote to stdout. Raises ``MediaError`` with its last words."""
    process = await asyncio.create_subprocess_exec(
        find_ffmpeg(),
        *("-hide_banner", "-loglevel", "error", "-y"),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate(stdin)
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise MediaError(f"ffmpeg failed ({process.returncode}): {err.decode(errors='replace').strip()[-400:]}")
    return out
