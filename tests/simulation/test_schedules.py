"""Thousands of random schedules, each the same whenever it is run: no promise is broken in any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.__main__ import replay, told
from simulation.many import Total, run_many

TESTS = Path(__file__).parents[1]
SCHEDULES = 2000


@pytest.mark.timeout(1800)
def test_no_promise_is_broken() -> None:
    total = Total()
    for outcome in run_many(range(SCHEDULES)):
        total.add(outcome)
    print(total.told())
    assert not total.broken, told(replay(min(total.broken)))
    assert total.runs == SCHEDULES
    # That nothing was broken would mean little if little had happened.
    assert total.bought > 3 * SCHEDULES
    assert total.deaths > SCHEDULES / 2
    assert total.faults.total() > 5 * SCHEDULES
    assert total.doubts["lost"] > SCHEDULES / 4
    for end in ("found", "named by a person", "chosen to be bought again", "ordered to be bought again"):
        assert total.doubts[end] > SCHEDULES / 100, end
    assert total.phases["Completed"] > SCHEDULES / 2


def test_a_seed_is_the_same_run_whatever_the_process() -> None:
    seeds = "from simulation.many import run_some; print([o.digest for o in run_some(range(7, 15))])"
    told_by = [
        subprocess.run(
            [sys.executable, "-c", seeds],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert told_by[0] == told_by[1]
    assert len(set(told_by[0].split(", "))) == 8


def test_a_trace_tells_what_happened() -> None:
    report = replay(0)
    text = told(report)
    assert "Submitting -> Running" in text
    assert "again: make simulate SEED=0" in text
    assert report.trace.digest() == replay(0).trace.digest()
