"""Kills, pauses and cuts off at random, by a seed, and starts again what died, as Kubernetes would."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from storyjob.api.errors import LocalWorldError
from storyjob.killpoint import VARIABLE, Act
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
_DOOMED = 0.4  # of the operators that are started again: they will end themselves at a point of a purchase
_NTH = (1, 1, 1, 2, 3)
_POINTS = [f"{moment}-{act}" for act in Act for moment in ("before", "after")]
_READY_SECONDS = 120.0


@dataclass
class Monkey:
    """One campaign of a seed. The order of its blows is the same for equal seeds; what they hit is not."""

    field: Battlefield
    seed: int
    between: tuple[float, float] = (0.3, 2.0)
    """Seconds between two blows."""
    kills: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    """Where operators killed themselves; each is among the kills, too."""
    pauses: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)
    revived: Counter[str] = field(default_factory=Counter)
    """Processes that ended by themselves, such as an operator that lost its lease, and were started again."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        # Dice of their own: how many die is up to the machine, and must not change the blows that follow.
        self._fates = random.Random(f"{self.seed} fates")
        self._doomed = _DOOMED
        self._fate: dict[str, str] = {}
        self._struck: set[str] = set()
        self._blows: list[tuple[Callable[[str], None], str, int]] = [
            *((self._kill, name, weight) for name, weight in _KILLS.items()),
            *((self._pause, name, weight) for name, weight in _PAUSES.items()),
            *((self._cut, name, weight) for name, weight in _CUTS.items()),
        ]

    def rage(self, kills: int, meanwhile: Callable[[int], None]) -> None:
        """Strike until so many processes were killed; ``meanwhile`` is told after each blow how many they are."""
        self._revive()
        while self.kills.total() < kills:
            self._until_one_works()
            blow, name, _ = self._dice.choices(self._blows, [weight for _, _, weight in self._blows])[0]
            blow(name)
            self._rest(*self.between)
            self._revive()
            meanwhile(self.kills.total())

    def calm(self) -> None:
        """Leave everything running, ready and connected, and nobody doomed."""
        for name in _OPERATORS:
            if self._fate.pop(name, None) is not None:
                run(self.field.mortals[name].kill())
                self._struck.add(name)
        self._doomed = 0.0
        for wire in self.field.wires.values():
            self.field.lines.let(wire, Line.OPEN)
        self._revive()
        run(_ready(list(self.field.mortals.values())))

    def _until_one_works(self) -> None:
        """Wait for an operator that is at work: on a slow machine the blows would else hit none but beginners."""
        end = time.monotonic() + _READY_SECONDS
        while not any(_is_ready(self.field.mortals[name]) for name in _OPERATORS):
            if time.monotonic() > end:
                raise LocalWorldError(f"no operator came back; {self.field.one.tail(40)}")
            self._revive()
            time.sleep(0.1)

    def _kill(self, name: str) -> None:
        names = _OPERATORS if name == "both" else (name,)
        for each in names:
            process = self.field.mortals[each]
            if process.running:
                # A process that had not even begun is no great catch, so it is told apart.
                state = "" if _is_ready(process) else " (starting)"
                run(process.kill())
                self.kills[each + state] += 1
                self._struck.add(each)
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
        for name, process in self.field.mortals.items():
            if process.running:
                continue
            self._bury(name, process)
            if name in _OPERATORS:
                self._order(name, process)
            process.spawn()

    def _bury(self, name: str, process: Process) -> None:
        """Write down what it died of, where it was not we who killed it."""
        point = self._fate.pop(name, None)
        if process.pid is None or name in self._struck:
            self._struck.discard(name)
        elif process.exit_code == -signal.SIGKILL and point is not None:
            self.kills[name] += 1
            self.points[point] += 1
        else:
            self.revived[name] += 1

    def _order(self, name: str, process: Process) -> None:
        environment = {key: value for key, value in process.program.environment.items() if key != VARIABLE}
        if self._fates.random() < self._doomed:
            self._fate[name] = self._fates.choice(_POINTS)
            environment[VARIABLE] = f"{self._fate[name]}:{self._fates.choice(_NTH)}"
        process.program = replace(process.program, environment=environment)

    def _rest(self, least: float, most: float) -> None:
        time.sleep(self._dice.uniform(least, most))


def _is_ready(process: Process) -> bool:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(process.program.ready())
    finally:
        loop.close()


async def _ready(processes: list[Process]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    for process in processes:
        while not await process.program.ready():
            if not process.running:
                process.spawn()
            if time.monotonic() > deadline:
                raise LocalWorldError(f"{process.name} did not come back; {process.tail(40)}")
            await asyncio.sleep(0.1)
