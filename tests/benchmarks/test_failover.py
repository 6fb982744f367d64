"""A leader is killed, asked to stop, or paused amid a story: how long until its follower begins to buy."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.arena import Arena, playing
from benchmarks.results import save, show
from benchmarks.stories import a_bench_story, bought_once, engage
from storyjob.api.settings import Settings
from storyjob.local.process import Process
from support.controlplane import run
from support.stage import Casting, Stage

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

ROUNDS = 5
SCENES = 500  # more than can be bought meanwhile
PROMISED = 20.0  # seconds, with the lease's usual 15 s
BLOWS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
CASTING = Casting(("--media", "small", "--image-seconds", "2"), {"STORYJOB_INSTANCE": "one"})
_LOOK_INTERVAL = 0.2  # seconds
_SETTLED = 3  # generations that the new leader buys before it is struck in its turn


@dataclass(frozen=True)
class Failover:
    """Seconds from the blow."""

    blow: str
    lease: float
    """Until the follower wrote its name into the lease."""
    intent: float
    submission: float
    """Until its first request reached the vendor."""


def test_failover(arena: Arena, scale: float, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    with playing(arena, CASTING, "failover") as stage:
        namespace = stage.namespaces[0]
        engage(stage.api, namespace, stage.simulator_url)
        stage.api.merge("mediaproviders", namespace, "pictures", {"spec": {"limits": {"concurrent": 2}}})
        stage.api.apply("storyjobs", namespace, a_bench_story("long", "bench", SCENES, narrated=False))
        failovers = list(_failovers(stage, max(1, round(ROUNDS * scale))))
        assert bought_once(stage.ledger()) < SCENES
    save("failover", {"leaseSeconds": _lease_seconds(), "failovers": [asdict(each) for each in failovers]})
    with aloud():
        columns = ("blow", "times", "lease s", "intent s", "submission s", "longest s")
        show("From the blow to the follower's first", columns, [_row(failovers, blow) for blow in BLOWS])
    assert max(each.submission for each in failovers) < PROMISED


def _failovers(stage: Stage, rounds: int) -> Iterator[Failover]:
    """Strike one leader after the other; whoever was struck comes back as the other's follower."""
    operators = {"one": stage.operator, "two": stage.another_operator("two")}
    run(operators["two"].start())
    try:
        for blow in BLOWS:
            for _ in range(rounds):
                _await_purchases(stage)
                leader = stage.leader()
                yield _strike(stage, operators[leader], blow)
                run(operators[leader].start())
    finally:
        run(operators["two"].stop())


def _strike(stage: Stage, leader: Process, blow: signal.Signals) -> Failover:
    before = _lease(stage)["holderIdentity"]
    assert leader.pid is not None
    struck = datetime.now(UTC)
    os.kill(leader.pid, blow)
    _until(lambda: _lease(stage)["holderIdentity"] not in ("", before), seconds=3 * PROMISED)
    taken = datetime.fromisoformat(_lease(stage)["acquireTime"])
    _until(lambda: _since(_submissions(stage), taken) and _since(_intents(stage), taken), seconds=PROMISED)
    if blow is signal.SIGSTOP:
        os.kill(leader.pid, signal.SIGCONT)
    _until(lambda: not leader.running, seconds=PROMISED)
    first = [min(_since(moments, taken)) for moments in (_intents(stage), _submissions(stage))]
    return Failover(blow.name, *((moment - struck).total_seconds() for moment in (taken, *first)))


def _await_purchases(stage: Stage) -> None:
    bought = len(stage.ledger())
    _until(lambda: len(stage.ledger()) >= bought + _SETTLED)


def _until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"it did not come true within {seconds:.0f} s"
        time.sleep(_LOOK_INTERVAL)


def _lease(stage: Stage) -> dict[str, Any]:
    lease: dict[str, Any] = stage.api.get("leases", stage.namespaces[0], "storyjob-operator")["spec"]
    return lease


def _submissions(stage: Stage) -> list[datetime]:
    return [datetime.fromisoformat(entry["at"]) for entry in stage.ledger()]


def _intents(stage: Stage) -> list[datetime]:
    scenes = stage.api.list("scenes", stage.namespaces[0])
    steps = [step for scene in scenes for step in ((scene.get("status") or {}).get("steps") or {}).values()]
    return [datetime.fromisoformat(step["intentAt"]) for step in steps if step.get("intentAt")]


def _since(moments: list[datetime], moment: datetime) -> list[datetime]:
    return [each for each in moments if each > moment]


def _row(failovers: list[Failover], blow: signal.Signals) -> tuple[object, ...]:
    struck = [each for each in failovers if each.blow == blow.name]
    medians = [statistics.median(getattr(each, what) for each in struck) for what in ("lease", "intent", "submission")]
    return (blow.name, len(struck), *medians, max(each.submission for each in struck))


def _lease_seconds() -> float:
    return float(Settings.model_fields["lease_seconds"].default)
