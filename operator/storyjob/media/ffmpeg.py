"""Finds ffmpeg and runs it: bounded in time, alone in its process group, blind to the network and to secrets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from storyjob.api.errors import FilmError

COMMON = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
# It can speak a dozen network protocols; what comes from outside must not make it. Goes before every input.
INPUT = ("-protocol_whitelist", "file,pipe")
_STDERR_TAIL = 4096
# Each waits for one ffmpeg; in the threads of everybody they would keep downloads waiting.
_FOLLOWERS = ThreadPoolExecutor(128, thread_name_prefix="ffmpeg")
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
    process = _start([find_ffmpeg(), *COMMON, *arguments], directory, niceness)
    ending = asyncio.get_running_loop().run_in_executor(_FOLLOWERS, _follow, process)
    try:
        async with asyncio.timeout(seconds):
            said = await asyncio.shield(ending)
    except TimeoutError as error:
        raise FilmError(f"ffmpeg did not finish {what} within {seconds:.0f} s") from error
    finally:
        if process.poll() is None:
            _kill(process)
        await asyncio.shield(ending)
    if process.returncode != 0:
        raise FilmError(f"ffmpeg could not make {what} (exit {process.returncode}): {_readable(said, directory)}")


def _start(command: Sequence[str], directory: Path, niceness: int) -> subprocess.Popen[bytes]:
    """Start it by vfork, in less than a millisecond; uvloop would fork all our memory, and all else wait 20 ms."""
    process = subprocess.Popen(
        command,
        cwd=directory,
        # Nothing of our environment: it holds the keys of the bucket.
        env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Its own group, to be killed as one; our session, since Linux may weigh niceness only within a session.
        process_group=0,
    )
    if niceness:
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
    return process


def _follow(process: subprocess.Popen[bytes]) -> bytes:
    """Return the end of what it says on standard error, once it has ended."""
    tail = b""
    with process:
        assert process.stderr is not None  # as asked for
        while chunk := process.stderr.read(_STDERR_TAIL):
            tail = (tail + chunk)[-_STDERR_TAIL:]
    return tail


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _readable(said: bytes, directory: Path) -> str:
    text = said.decode("utf-8", "replace").replace(f"{directory}/", "")
    lines = [line for line in text.splitlines() if line.strip()]
    return " | ".join(lines)[-_SHOWN:] or "it said nothing"
