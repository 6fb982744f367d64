"""Remembers which local world runs, so that other terminals find it and `storyjob local down` can end it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ValidationError

from storyjob.api.errors import LocalWorldError
from storyjob.local.lock import exclusive
from storyjob.local.pki import write_private
from storyjob.local.process import Process
from storyjob.local.release import cache_home

_GRACE = 10.0  # seconds from the request to end until the order to


class ProcessRecord(BaseModel, frozen=True):
    """A process that was started; its start time tells it from a later one with the same id."""

    name: str
    pid: int
    started: str
    leads_group: bool = True
    """Whether its children are in a process group of its own, as with all that we start."""

    @classmethod
    def ourselves(cls) -> Self:
        """Return the record of the process that we are; asked to end, it cleans up after itself."""
        return cls(name="storyjob local", pid=os.getpid(), started=started_at(os.getpid()) or "", leads_group=False)

    @property
    def running(self) -> bool:
        """Whether this very process still runs."""
        return started_at(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and its children, if it still is the one that was recorded."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if self.leads_group else os.kill)(self.pid, number)


class WorldRecord(BaseModel, frozen=True):
    """A running local world."""

    folder: Path
    kubeconfig: Path
    temporary: bool
    """Whether the folder is thrown away with the world."""
    processes: tuple[ProcessRecord, ...] = ()

    def claim(self) -> None:
        """Become the running world. Raises ``LocalWorldError`` when another one runs: its record would be lost."""
        with exclusive(cache_home() / "running.lock", lambda: None):
            if other := running_world():
                raise LocalWorldError(f"a local world runs already, in {other.folder}; stop it: storyjob local down")
            self.save()

    def with_processes(self, processes: Iterable[Process], *, ourselves: bool) -> Self:
        """Return the record of processes that run now, with or without the process that we are."""
        records = [
            ProcessRecord(name=each.name, pid=each.pid, started=started_at(each.pid) or "")
            for each in processes
            if each.pid is not None
        ]
        own = [ProcessRecord.ourselves()] if ourselves else []
        return self.model_copy(update={"processes": (*own, *records)})

    def save(self) -> None:
        """Write it down."""
        cache_home().mkdir(parents=True, exist_ok=True)
        write_private(record_path(), self.model_dump_json(indent=2).encode())


def record_path() -> Path:
    """Return where the running world is recorded."""
    return cache_home() / "running.json"


def running_world() -> WorldRecord | None:
    """Return the recorded world if any of it still runs."""
    try:
        record = WorldRecord.model_validate_json(record_path().read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return record if any(process.running for process in record.processes) else None


def end_world(record: WorldRecord) -> None:
    """Stop all processes of a recorded world, the last started first, and forget it."""
    for process in reversed(record.processes):
        process.signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while any(process.running for process in record.processes) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in record.processes:
        process.signal(signal.SIGKILL)
    if record.temporary:
        shutil.rmtree(record.folder, ignore_errors=True)
    forget_world()


def forget_world() -> None:
    """Remove the record."""
    record_path().unlink(missing_ok=True)


def started_at(pid: int) -> str | None:
    """Return when a process started, in the system's own words, or None when it is gone."""
    if sys.platform == "linux":
        try:
            # The name in parentheses may hold anything, so count from its end: state is field 3, start time 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] == "Z" else fields[19]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
