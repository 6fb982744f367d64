"""Finds ffmpeg and runs it: bounded in time, alone in its process group, blind to the network and to secrets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from storyjob.api.errors import FilmError

COMMON = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
# It can speak a dozen network protocols; what comes from outside must not make it. Goes before every input.
INPUT = ("-protocol_whitelist", "file,pipe")
_STDERR_TAIL = 4096
_SHOWN = 600


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """Return the path of ffmpeg: ``$FFMPEG``, the ``PATH``, or the wheel imageio-ffmpeg. Raises ``FilmError``."""
    named = os.environ.get("FFMPEG")
    if named:
        found = shutil.which(named)
        if found is None:
            raise FilmError(f"$FFMPEG names {named}, which is no program")
        return found
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        remedy = "install it, set $FFMPEG, or install storyjob-operator[ffmpeg]"
        raise FilmError(f"ffmpeg is not on the PATH: {remedy}") from error


async def run_ffmpeg(
    arguments: Sequence[str], *, what: str, directory: Path, seconds: float, niceness: int = 0
) -> None:
    """Run ffmpeg in ``directory``. ``what`` names the work in errors. Raises ``FilmError``.

    Whatever ends the wait, cancelling included, ffmpeg is dead when this returns.
    """
    process = await asyncio.create_subprocess_exec(
        find_ffmpeg(),
        *COMMON,
        *arguments,
        cwd=directory,
        # Nothing of our environment: it holds the keys of the bucket.
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(directory)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if niceness:
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        async with asyncio.timeout(seconds):
            said = await _tail(process)
            code = await process.wait()
    except TimeoutError as error:
        raise FilmError(f"ffmpeg did not finish {what} within {seconds:.0f} s") from error
    finally:
        await _end(process)
    if code != 0:
        raise FilmError(f"ffmpeg could not make {what} (exit {code}): {_readable(said, directory)}")


async def _tail(process: asyncio.subprocess.Process) -> bytes:
    tail = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(_STDERR_TAIL):
            tail = (tail + chunk)[-_STDERR_TAIL:]
    return tail


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())


def _readable(said: bytes, directory: Path) -> str:
    text = said.decode("utf-8", "replace").replace(f"{directory}/", "")
    lines = [line for line in text.splitlines() if line.strip()]
    return " | ".join(lines)[-_SHOWN:] or "it said nothing"
