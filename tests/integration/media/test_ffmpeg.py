"""ffmpeg is found, bounded, and never outlives whoever asked."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storyjob.api.errors import FilmError
from storyjob.media.ffmpeg import INPUT, find_ffmpeg, run_ffmpeg

ENDLESS = ("-re", "-f", "lavfi", "-i", "anullsrc", "-f", "null", "-")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    find_ffmpeg.cache_clear()
    yield
    find_ffmpeg.cache_clear()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes down its process id and environment and then sleeps."""
    program = tmp_path / "ffmpeg-stand-in"
    program.write_text('#!/bin/sh\necho $$ > "$HOME/pid"\nenv > "$HOME/environment"\nexec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv("FFMPEG", str(program))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    return program


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def started(directory: Path) -> int:
    """Wait until the stand-in runs and return its process id. Blocks."""
    environment = directory / "environment"
    while not environment.exists() or not environment.stat().st_size:
        time.sleep(0.01)
    return int((directory / "pid").read_text())


async def test_a_cancelled_run_leaves_no_process(stand_in: Path, tmp_path: Path) -> None:
    task = asyncio.create_task(run_ffmpeg([], what="it", directory=tmp_path, seconds=60))
    pid = await asyncio.to_thread(started, tmp_path)
    assert is_alive(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)
    assert "s3cret" not in await asyncio.to_thread((tmp_path / "environment").read_text)


async def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"did not finish the film within 0 s"):
        await run_ffmpeg(ENDLESS, what="the film", directory=tmp_path, seconds=0.3)


async def test_what_ffmpeg_said_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"could not make it \(exit \d+\): .*No such file"):
        await run_ffmpeg(["-i", "missing.mp4", "x.mp4"], what="it", directory=tmp_path, seconds=10)


async def test_ffmpeg_is_kept_from_the_network(tmp_path: Path) -> None:
    playlist = tmp_path / "list.txt"
    await asyncio.to_thread(playlist.write_text, "file http://127.0.0.1:9/x.mp4\n")
    arguments = [*INPUT, "-f", "concat", "-safe", "0", "-i", playlist.name, "-c", "copy", "x.mp4"]
    with pytest.raises(FilmError, match="whitelist"):
        await run_ffmpeg(arguments, what="it", directory=tmp_path, seconds=10)


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(FilmError, match=r"\$FFMPEG names /nowhere/ffmpeg"):
        find_ffmpeg()


def test_without_a_setting_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FFMPEG", raising=False)
    assert os.access(find_ffmpeg(), os.X_OK)
