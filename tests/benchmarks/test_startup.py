"""How soon the commands are there: their imports alone, and the processes until they are ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.results import least_and_median, save, show
from support.controlplane import run
from support.stage import Casting

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

REPEATS = 5
ENTRANCES = {
    "operator": "storyjob.handlers.startup",
    "webhook": "storyjob_webhook.sidecar",
    "simulator": "storyjob.simulator.server",
}


def test_startup(arena: Arena, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    numbers: dict[str, Any] = {}
    for name, module in ENTRANCES.items():
        wall, cpu = zip(*(_import(module) for _ in range(REPEATS)), strict=True)
        numbers[name] = {"importWall": least_and_median(wall), "importCpu": least_and_median(cpu)}
    with playing(arena, Casting(), "startup") as stage:
        for process in stage.processes:
            times = []
            for _ in range(REPEATS):
                run(process.stop())
                began = time.monotonic()
                run(process.start())
                times.append(time.monotonic() - began)
            numbers[process.name]["ready"] = least_and_median(times)
    save("startup", {"repeats": REPEATS, "leastAndMedianSeconds": numbers})
    with aloud():
        rows = [
            (name, read["importCpu"][0], read["importWall"][0], read["importWall"][1], *read["ready"])
            for name, read in numbers.items()
        ]
        columns = ("seconds", "import CPU", "import", "median", "ready", "median")
        show(f"Start-up (least and median of {REPEATS})", columns, rows)


def _import(module: str) -> tuple[float, float]:
    """Return the wall and CPU seconds of an interpreter that imports a module and ends."""
    began, before = time.monotonic(), os.times()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu
