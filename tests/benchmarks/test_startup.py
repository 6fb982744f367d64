"""How soon the commands are there: their imports alone, and the processes until they are ready.

Python keeps the bytecode of what it imports, unless it is forbidden to or the disk is read-only, and then compiles
everything at each start. Both are measured: the first start without any bytecode, and those after it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.results import least_and_median, save, show
from storyjob.local.process import Process
from support.controlplane import run
from support.stage import Casting

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

REPEATS = 5
ENTRANCES = {
    "operator": "storyjob.handlers.startup",
    "webhook": "storyjob_webhook.sidecar",
    "simulator": "storyjob.simulator.server",
}


def test_startup(
    arena: Arena,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aloud: Callable[[], AbstractContextManager[None]],
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    numbers: dict[str, dict[str, float]] = {}
    for name, module in ENTRANCES.items():
        monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / f"bytecode-{name}"))
        first = _import(module)
        numbers[name] = {"firstImportCpu": first, "importCpu": min(_import(module) for _ in range(REPEATS))}
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "bytecode"))
    with playing(arena, Casting(), "startup") as stage:
        for process in stage.processes:
            least, median = least_and_median([_restart(process) for _ in range(REPEATS)])
            numbers[process.name] |= {"ready": least, "readyMedian": median}
    save("startup", {"repeats": REPEATS, "seconds": numbers})
    with aloud():
        columns = ("seconds", "first import, CPU", "later ones, CPU", "until ready", "median")
        show(f"Start-up ({REPEATS} times)", columns, [(name, *each.values()) for name, each in numbers.items()])


def _import(module: str) -> float:
    """Return the CPU seconds of an interpreter that imports a module and ends."""
    before = os.times()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _restart(process: Process) -> float:
    """Return how long a stopped process needs to be ready again."""
    run(process.stop())
    began = time.monotonic()
    run(process.start())
    return time.monotonic() - began
