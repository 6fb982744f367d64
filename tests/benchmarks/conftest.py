"""Benchmarks run only when they are asked for: `-m bench`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benchmarks.arena import Arena, open_arena
from storyjob.local.binaries import Binaries

SCALE = "STORYJOB_BENCH_SCALE"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave benchmarks out of a plain `pytest`."""
    if "bench" in config.option.markexpr:
        return
    benchmarks = [item for item in items if item.get_closest_marker("bench")]
    if benchmarks:
        config.hook.pytest_deselected(items=benchmarks)
        items[:] = [item for item in items if item not in benchmarks]


@pytest.fixture
def arena(binaries: Binaries, tmp_path: Path) -> Iterator[Arena]:
    """A control plane and a bucket for this benchmark alone."""
    with open_arena(binaries, tmp_path) as opened:
        yield opened


@pytest.fixture
def scale() -> float:
    """By how much the benchmark is to be larger or smaller than usual."""
    return float(os.environ.get(SCALE, "1"))


@pytest.fixture
def aloud(capsys: pytest.CaptureFixture[str]) -> Callable[[], AbstractContextManager[None]]:
    """Let what is printed in its context reach the terminal."""
    return capsys.disabled
