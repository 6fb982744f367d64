"""Where numbers go: a table on the terminal, and a JSON file in bench-results/."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured
from support.controlplane import PROJECT

FOLDER = PROJECT / "bench-results"


def save(name: str, numbers: dict[str, Any]) -> None:
    """Write the numbers beside what they were measured on."""
    FOLDER.mkdir(exist_ok=True)
    stamp = datetime.now(UTC)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "loadAverage": [round(each, 2) for each in os.getloadavg()],
    }
    document = {"benchmark": name, "at": stamp.isoformat(timespec="seconds"), "machine": machine, **numbers}
    path = FOLDER / f"{name}-{stamp:%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; the first column is text, the others are numbers."""
    table = Table(*columns, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(f"{cell:,.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=110).print(table)


def show_processes(title: str, measured: Measured) -> None:
    """Print what each process used."""
    rows = [(name, used.cpu_seconds, used.children_cpu_seconds, used.peak_mib) for name, used in measured.used.items()]
    load = " → ".join(f"{each:.1f}" for each in measured.load_average)
    show(f"{title} ({measured.wall_seconds:.1f} s, load {load})", ("process", "CPU s", "children", "peak MiB"), rows)


def show_writes(title: str, measured: Measured, scenes: int) -> None:
    """Print the API writes, whole and by scene."""
    rows = [(" ".join(part for part in write if part), n, n / scenes) for write, n in measured.writes.most_common()]
    total = measured.writes_total
    show(title, ("API writes", "all", "per scene"), [*rows, ("total", total, total / scenes)])


def least_and_median(values: Sequence[float]) -> tuple[float, float]:
    """Return the two numbers that a noisy machine spoils least."""
    return min(values), statistics.median(values)
