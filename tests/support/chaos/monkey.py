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
from support.chaos.scout import OPERATORS, Scout
from support.controlplane import run

# How often each is struck, relative to the others: what handles money most, what is slow to come back least.
_KILLS = {"leader": 60, "follower": 4, "both": 6, "sidecar": 10, "s3": 8, "apiserver": 3, "etcd": 3}
_PAUSES = {"leader": 12, "follower": 4, "sidecar": 2, "simulator": 3, "s3": 2, "apiserver": 2, "etcd": 2}
_CUTS, _PARTITIONS = 18, 6
_WORK = ("paid call", "paid call", "jobs")
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
    """By what was hit, and operators by what they were doing."""
    points: Counter[str] = field(default_factory=Counter)
    """Where operators killed themselves; each is among the kills, too."""
    pauses: Counter[str] = field(default_factory=Counter)
    cuts: Counter[str] = field(default_factory=Counter)
    partitions: Counter[str] = field(default_factory=Counter)
    """Leaders that were kept from the API server for longer than their lease, while they could reach the vendors."""
    deposed: int = 0
    """Of those leaders: how many another one followed meanwhile."""
    revived: Counter[str] = field(default_factory=Counter)
    """Processes that ended by themselves, such as an operator that lost its lease, and were started again."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        # Dice of their own: how many die is up to the machine, and must not change the blows that follow.
        self._fates = random.Random(f"{self.seed} fates")
        self._scout = Scout(self.field)
        self._doomed = _DOOMED
        self._fate: dict[str, str] = {}
        self._struck: set[str] = set()
        self._blows: list[tuple[Callable[[str], None], str, int]] = [
            *((self._kill, name, weight) for name, weight in _KILLS.items()),
            *((self._pause, name, weight) for name, weight in _PAUSES.items()),
            (self._cut, "", _CUTS),
            (self._partition, "", _PARTITIONS),
        ]

    def rage(self, kills: int, meanwhile: Callable[[int], None]) -> None:
        """Strike until so many processes were killed; ``meanwhile`` is told after each blow how many they are."""
        self._revive()
        while self.kills.total() < kills:
            self._scout.leader(self._revive)
            blow, name, _ = self._dice.choices(self._blows, [weight for _, _, weight in self._blows])[0]
            blow(name)
            self._rest(*self.between)
            self._revive()
            meanwhile(self.kills.total())

    def calm(self) -> None:
        """Leave everything running, ready and connected, and nobody doomed."""
        for name in OPERATORS:
            if self._fate.pop(name, None) is not None:
                run(self.field.mortals[name].kill())
                self._struck.add(name)
        self._doomed = 0.0
        self.field.lines.heal()
        self._revive()
        run(_ready(list(self.field.mortals.values())))

    def _kill(self, name: str) -> None:
        for each in self._targets(name, self._dice.choice(_WORK)):
            process = self.field.mortals[each]
            if process.running:
                what = self._scout.state(each) if each in OPERATORS else each
                run(process.kill())
                self.kills[what] += 1
                self._struck.add(each)
        self._rest(0.05, 0.8)
        self._revive()
        if name in ("apiserver", "etcd"):
            # Without them nothing can go on, and nothing would be worth killing.
            plane = self.field.cluster.control_plane
            run(_ready([plane.etcd, plane.apiserver]))

    def _targets(self, name: str, work: str) -> tuple[str, ...]:
        """Return whom a blow is meant for; a leader is struck in the middle of its work."""
        if name not in ("leader", "follower", "both"):
            return (name,)
        leader = self._scout.catch(work, self._revive)
        follower = next(other for other in OPERATORS if other != leader)
        return {"leader": (leader,), "follower": (follower,), "both": (leader, follower)}[name]

    def _pause(self, name: str) -> None:
        (target,) = self._targets(name, self._dice.choice(_WORK))
        seconds = self._dice.uniform(0.2, 6.0 if target in OPERATORS else 2.0)
        process = self.field.stage.simulator if target == "simulator" else self.field.mortals[target]
        if not process.running:
            return
        send(process, signal.SIGSTOP)
        try:
            # An operator's lease of three seconds runs out in some of these, and in others it does not.
            time.sleep(seconds)
        finally:
            send(process, signal.SIGCONT)
        self.pauses[name] += 1

    def _cut(self, _: str) -> None:
        lines = self.field.lines
        line = self._dice.choices(list(lines.weights), list(lines.weights.values()))[0]
        how = self._dice.choice(lines.hurts(line))
        self._while_hurt(line, how, self._dice.uniform(0.2, 4.0))
        self.cuts[f"{line} {how}"] += 1

    def _partition(self, _: str) -> None:
        """Cut the leader off from the API server, not from the vendors, until another could lead."""
        how, seconds = self._dice.choice(self.field.lines.partitions()), self._dice.uniform(4.0, 9.0)
        old = self._scout.catch("paid call", self._revive)
        self._while_hurt(f"{old} - apiserver", how, seconds)
        self.partitions[how] += 1
        self.deposed += self.field.stage.leader() != old

    def _while_hurt(self, line: str, how: str, seconds: float) -> None:
        self.field.lines.hurt(line, how)
        try:
            time.sleep(seconds)
        finally:
            self.field.lines.heal()

    def _revive(self) -> None:
        for name, process in self.field.mortals.items():
            if process.running:
                continue
            self._bury(name, process)
            if name in OPERATORS:
                self._order(name, process)
            process.spawn()

    def _bury(self, name: str, process: Process) -> None:
        """Write down what it died of, where it was not we who killed it."""
        point = self._fate.pop(name, None)
        if process.pid is None or name in self._struck:
            self._struck.discard(name)
        elif process.exit_code == -signal.SIGKILL and point is not None:
            self.kills["leader, at a named point"] += 1
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


async def _ready(processes: list[Process]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    for process in processes:
        while not await process.program.ready():
            if not process.running:
                process.spawn()
            if time.monotonic() > deadline:
                raise LocalWorldError(f"{process.name} did not come back; {process.tail(40)}")
            await asyncio.sleep(0.1)
