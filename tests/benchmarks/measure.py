"""Measures one stretch of work: wall time, what each process used, and the writes that the API server answered."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.processes import Usage, forget_peaks, usages
from storyjob.local.process import Process
from support.api_server import ApiServer

OURS = frozenset({"storyjobs", "scenes", "mediaproviders", "events", "secrets"})
Write = tuple[str, str, str]
_NOT_THE_OPERATORS: frozenset[Write] = frozenset({("storyjobs", "", "APPLY"), ("storyjobs", "", "DELETE")})
"""What a user does, and the benchmark in a user's place."""


@dataclass(frozen=True)
class Measured:
    """What one stretch of work took."""

    wall_seconds: float
    used: dict[str, Usage]
    writes: Counter[Write]
    load_average: tuple[float, float]
    """Of one minute, before and after: other work on the machine makes wall times longer."""

    @property
    def writes_total(self) -> int:
        return sum(self.writes.values())

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the results."""
        return {
            "wallSeconds": round(self.wall_seconds, 3),
            "loadAverage": [round(each, 2) for each in self.load_average],
            "processes": {
                name: {
                    "cpuSeconds": round(used.cpu_seconds, 2),
                    "childrenCpuSeconds": round(used.children_cpu_seconds, 2),
                    "peakMiB": round(used.peak_mib, 1),
                }
                for name, used in self.used.items()
            },
            "apiWrites": {" ".join(part for part in write if part): n for write, n in sorted(self.writes.items())},
        }


@dataclass
class Meter:
    """Starts when it is made; ``read`` says what happened since."""

    api: ApiServer
    processes: Iterable[Process]
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self.processes = list(self.processes)
        forget_peaks(self.processes)
        self._load = os.getloadavg()[0]
        self._writes = our_writes(self.api)
        self._used = usages(self.processes)
        self._began = time.monotonic()

    def read(self) -> Measured:
        """Return what happened since the start."""
        wall = time.monotonic() - self._began
        used = {name: now.since(self._used[name]) for name, now in usages(self.processes).items()}
        writes = our_writes(self.api)
        writes.subtract(self._writes)
        return Measured(wall, used, +writes, (self._load, os.getloadavg()[0]))


def our_writes(api: ApiServer) -> Counter[Write]:
    """Return the answered writes to our kinds, Events and Secrets, a user's own left out."""
    return Counter(
        {write: n for write, n in api.writes().items() if write[0] in OURS and write not in _NOT_THE_OPERATORS}
    )
