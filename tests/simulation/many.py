"""Many runs, on all cores, and what they add up to."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from simulation.world import Report, run, stage

CHUNK = 20  # seeds that a worker takes at once
TIDY = 10  # runs between two tidyings of the memory


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run."""

    seed: int
    broken: str | None
    digest: str
    seconds: float
    faults: dict[str, int]
    doubts: dict[str, int]
    phases: tuple[str, ...]
    deaths: int
    bought: int
    checks: int
    most_reconciles: int

    @classmethod
    def of(cls, report: Report) -> Outcome:
        """Return what is kept of a report."""
        return cls(
            report.schedule.seed,
            report.broken,
            report.trace.digest(),
            report.seconds,
            report.faults,
            report.doubts,
            report.phases,
            report.deaths,
            report.bought,
            report.checks,
            report.most_reconciles,
        )


@dataclass(slots=True)
class Total:
    """The sum of many runs."""

    runs: int = 0
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    bought: int = 0
    checks: int = 0
    most_reconciles: int = 0
    began: float = field(default_factory=time.perf_counter)

    def add(self, outcome: Outcome) -> None:
        """Count one run."""
        self.runs += 1
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken
        self.seconds += outcome.seconds
        self.faults.update(outcome.faults)
        self.doubts.update(outcome.doubts)
        self.phases.update(outcome.phases)
        self.deaths += outcome.deaths
        self.bought += outcome.bought
        self.checks += outcome.checks
        self.most_reconciles = max(self.most_reconciles, outcome.most_reconciles)

    def told(self) -> str:
        """Return the figures in a few lines."""
        took = time.perf_counter() - self.began
        phases = ", ".join(f"{count} {phase}" for phase, count in self.phases.most_common())
        doubts = ", ".join(f"{count} {end}" for end, count in self.doubts.most_common())
        return (
            f"{self.runs} schedules in {took:.1f} s, {self.runs / took:.1f} a second; "
            f"{self.seconds / 3600:.1f} hours of their own time\n"
            f"stories: {phases}; {self.bought} jobs bought, {self.faults.total()} faults, {self.deaths} deaths\n"
            f"outcomes unknown: {doubts or 'none'}\n"
            f"{self.checks} writes and purchases checked, {len(self.broken)} broken promises; "
            f"at most {self.most_reconciles} reconciles of one object in a second"
        )


def run_each(seeds: Iterable[int]) -> Iterator[Outcome]:
    """Run seeds one after another, here."""
    with stage() as folder:
        for count, seed in enumerate(seeds, 1):
            yield Outcome.of(run(seed, folder))
            if count % TIDY == 0:
                gc.collect()


def run_some(seeds: Iterable[int]) -> list[Outcome]:
    """Run seeds one after another, and return what came of all."""
    return list(run_each(seeds))


def run_many(seeds: Sequence[int], workers: int | None = None) -> Iterator[Outcome]:
    """Run seeds on all cores; what comes of one seed does not hang on where it runs."""
    workers = workers or os.cpu_count() or 1
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if workers == 1 or len(chunks) < 2:
        yield from run_each(seeds)
        return
    # Not forked: a copy of a process that has threads may hang.
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for outcomes in pool.imap(run_some, chunks):
            yield from outcomes
