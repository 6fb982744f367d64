"""`python -m simulation`: runs seeds, and tells the whole story of the first that breaks a promise."""

from __future__ import annotations

import argparse
import sys

from simulation.many import Outcome, Total, run_many
from simulation.world import Report, run, stage


def main() -> int:
    """Run what was asked for; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=1, help="how many schedules")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=None, help="processes; one for each core when absent")
    asked = parser.parse_args()
    if asked.count == 1:
        report = replay(asked.seed)
        print(told(report))
        return 1 if report.broken else 0
    total, first = Total(), None
    for outcome in run_many(range(asked.seed, asked.seed + asked.count), asked.workers):
        total.add(outcome)
        if outcome.broken:
            print(_line(outcome), flush=True)
            first = first if first is not None else outcome.seed
    if first is not None:
        print(told(replay(first)))
    print(total.told())
    return 1 if total.broken else 0


def replay(seed: int) -> Report:
    """Run one seed again."""
    with stage() as folder:
        return run(seed, folder)


def told(report: Report) -> str:
    """Return all that happened in a run, and how to see it again."""
    seed = report.schedule.seed
    verdict = f"broken: {report.broken}" if report.broken else "all promises kept"
    return "\n".join(
        [
            f"seed {seed}: {verdict}",
            *report.schedule.told(),
            *report.trace.lines(),
            f"seed {seed}: {verdict}",
            f"again: make simulate SEED={seed}",
        ]
    )


def _line(outcome: Outcome) -> str:
    return f"seed {outcome.seed}: {outcome.broken}"


if __name__ == "__main__":
    sys.exit(main())
