"""A supervised process is seen to be ready, seen to die, and stopped with all its children."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.local.process import Probe, Process, Program
from storyjob.local.record import started_at


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def a_process(tmp_path: Path, script: str, ready: Probe = yes, ready_seconds: float = 30.0) -> Process:
    command = (sys.executable, "-c", script)
    return Process(Program("fox", command, tmp_path / "fox.log", ready, {"DEN": "s3cret"}, ready_seconds))


def says(path: Path, word: str) -> Probe:
    async def probe() -> bool:
        return word in (path / "fox.log").read_text()

    return probe


SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "print('child', child.pid, flush=True); time.sleep(600)"
)


async def test_it_runs_from_start_to_stop(tmp_path: Path) -> None:
    process = a_process(tmp_path, SLEEP, says(tmp_path, "up"))
    await process.start()
    assert process.running
    await process.stop()
    assert process.exit_code == -15


async def test_one_that_ignores_the_request_is_ended(tmp_path: Path) -> None:
    process = a_process(tmp_path, STUBBORN, says(tmp_path, "up"))
    await process.start()
    await process.stop(grace=0.1)
    assert process.exit_code == -9


async def test_its_children_go_with_it(tmp_path: Path) -> None:
    process = a_process(tmp_path, PARENT, says(tmp_path, "child"))
    await process.start()
    child = int(process.tail().split()[-1])
    assert started_at(child) is not None
    await process.kill()
    # The group is signalled before we return; the kernel needs no time of ours to act on it.
    while started_at(child) is not None:
        await no()
    assert not process.running


async def test_one_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = a_process(tmp_path, "print('no den'); raise SystemExit(3)", no)
    with pytest.raises(LocalWorldError, match=r"fox ended with exit code 3; the end of .*fox\.log:\nno den"):
        await process.start()


async def test_a_stranger_that_answers_in_its_place_is_not_believed(tmp_path: Path) -> None:
    process = a_process(tmp_path, "raise SystemExit(1)", yes)
    process.spawn()
    while process.running:
        await no()
    with pytest.raises(LocalWorldError, match="exit code 1"):
        await process.wait_ready()


async def test_one_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    process = a_process(tmp_path, SLEEP, no, ready_seconds=0.0)
    with pytest.raises(LocalWorldError, match="fox was not ready after 0 s"):
        await process.start()
    assert not process.running


async def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    process = Process(Program("fox", (tmp_path / "missing",), tmp_path / "fox.log", yes))
    with pytest.raises(LocalWorldError, match="fox cannot be started"):
        await process.start()


async def test_restart_gives_a_new_process_with_the_same_log(tmp_path: Path) -> None:
    process = a_process(tmp_path, SLEEP, says(tmp_path, "up"))
    await process.start()
    before = process.pid
    await process.restart()
    assert process.pid != before
    await process.kill()


async def test_a_second_start_is_refused(tmp_path: Path) -> None:
    process = a_process(tmp_path, SLEEP)
    await process.start()
    with pytest.raises(LocalWorldError, match="fox is running already"):
        await process.start()
    await process.kill()


def test_its_environment_is_not_shown(tmp_path: Path) -> None:
    assert "s3cret" not in repr(a_process(tmp_path, SLEEP).program)
