"""Kills, pauses and cuts off at random, by a seed, and starts again what died, as Kubernetes would."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from storyjob.api.errors import LocalWorldError
from storyjob.local.process import Process
from support.chaos.battlefield import Battlefield, send
from support.chaos.wire import Line
from support.controlplane import run

# How often each is struck, relative to the others: what handles money most, what is slow to come back least.
_KILLS = {"one": 30, "two": 30, "both": 10, "sidecar": 10, "s3": 8, "apiserver": 3, "etcd": 3}
_PAUSES = {"one": 8, "two": 8, "sidecar": 2, "simulator": 3, "s3": 2, "apiserver": 2, "etcd": 2}
_CUTS = {"one": 4, "two": 4, "vendors": 5, "bucket": 3}
_LINES = (Line.CUT, Line.FROZEN, Line.DEAF, Line.SLOW)
_OPERATORS = ("one", "two")
_READY_SECONDS = 60.0


@dataclass
class Monkey:
    """One campaign of a seed. The order of its blows is the same for equal seeds; what they hit is not."""

    field: Battlefield
    seed: int
    between: tuple[float, float] = (0.3, 2.0)
    """Seconds between two blows."""
    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)
    revived: int = 0
    """Processes that ended by themselves, such as an operator that lost its lease, and were started again."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._blows: list[tuple[Callable[[str], None], str, int]] = [
            *((self._kill, name, weight) for name, weight in _KILLS.items()),
            *((self._pause, name, weight) for name, weight in _PAUSES.items()),
            *((self._cut, name, weight) for name, weight in _CUTS.items()),
        ]

    def rage(self, kills: int, meanwhile: Callable[[int], None]) -> None:
        """Strike until so many processes were killed; ``meanwhile`` is told after each blow how many they are."""
        self._revive()
        while self.kills.total() < kills:
            blow, name, _ = self._dice.choices(self._blows, [weight for _, _, weight in self._blows])[0]
            blow(name)
            self._rest(*self.between)
            self._revive()
            meanwhile(self.kills.total())

    def calm(self) -> None:
        """Leave everything running, ready and connected."""
        for wire in self.field.wires.values():
            self.field.lines.let(wire, Line.OPEN)
        self._revive()
        run(_ready(list(self.field.mortals.values())))

    def _kill(self, name: str) -> None:
        names = _OPERATORS if name == "both" else (name,)
        for each in names:
            process = self.field.mortals[each]
            if process.running:
                run(process.kill())
                self.kills[each] += 1
        self._rest(0.05, 0.8)
        self._revive()
        if name in ("apiserver", "etcd"):
            # Without them nothing can go on, and nothing would be worth killing.
            plane = self.field.cluster.control_plane
            run(_ready([plane.etcd, plane.apiserver]))

    def _pause(self, name: str) -> None:
        process = self.field.stage.simulator if name == "simulator" else self.field.mortals[name]
        if not process.running:
            return
        send(process, signal.SIGSTOP)
        try:
            # An operator's lease of three seconds runs out in some of these, and in others it does not.
            self._rest(0.2, 6.0 if name in _OPERATORS else 2.0)
        finally:
            send(process, signal.SIGCONT)
        self.pauses[name] += 1

    def _cut(self, name: str) -> None:
        line = self._dice.choice(_LINES)
        self.field.lines.let(self.field.wires[name], line)
        self._rest(0.2, 4.0)
        self.field.lines.let(self.field.wires[name], Line.OPEN)
        self.cuts[f"{name} {line}"] += 1

    def _revive(self) -> None:
        for process in self.field.mortals.values():
            if not process.running:
                self.revived += process.exit_code != -signal.SIGKILL and process.pid is not None
                process.spawn()

    def _rest(self, least: float, most: float) -> None:
        time.sleep(self._dice.uniform(least, most))


async def _ready(processes: list[Process]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    for process in processes:
        while not await process.program.ready():
            if not process.running:
                process.spawn()
            if time.monotonic() > deadline:
                raise LocalWorldError(f"{process.name} did not come back; {process.tail(40)}")
            await asyncio.sleep(0.1)
