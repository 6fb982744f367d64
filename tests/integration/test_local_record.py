"""A world that was left running is found again, and ended without harm to anybody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.local import record
from storyjob.local.record import ProcessRecord, WorldRecord, started_at


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYJOB_CACHE", str(tmp_path / "cache"))


def a_world(tmp_path: Path, pid: int, started: str) -> WorldRecord:
    (tmp_path / "world").mkdir()
    return WorldRecord(
        folder=tmp_path / "world",
        kubeconfig=tmp_path / "world" / "kubeconfig",
        temporary=True,
        processes=(ProcessRecord(name="sleeper", pid=pid, started=started),),
    )


def test_no_world_runs_at_first() -> None:
    assert record.running_world() is None


def test_a_recorded_world_is_found_and_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    world = a_world(tmp_path, sleeper.pid, started_at(sleeper.pid) or "")
    world.save()
    assert record.running_world() == world
    with pytest.raises(LocalWorldError, match="storyjob local down"):
        world.claim()
    record.end_world(world)
    assert sleeper.wait(10) == -15
    assert not world.folder.exists()
    assert record.running_world() is None


def test_a_later_process_with_the_same_id_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    world = a_world(tmp_path, sleeper.pid, "another time")
    world.save()
    assert record.running_world() is None
    record.end_world(world)
    assert sleeper.poll() is None


def test_we_are_found_as_the_one_who_runs_a_world(tmp_path: Path) -> None:
    world = a_world(tmp_path, os.getpid(), "another time")
    world.with_processes((), ourselves=True).claim()
    found = record.running_world()
    assert found is not None
    assert [(each.pid, each.leads_group) for each in found.processes] == [(os.getpid(), False)]


def test_a_record_is_private(tmp_path: Path) -> None:
    a_world(tmp_path, os.getpid(), "now").save()
    assert record.record_path().stat().st_mode & 0o777 == 0o600


def test_a_damaged_record_is_no_world() -> None:
    record.record_path().parent.mkdir()
    record.record_path().write_text("{")
    assert record.running_world() is None
