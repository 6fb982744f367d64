"""Honest callbacks while strangers attack: how long they take, and what the attack costs the sidecar and can write."""

from __future__ import annotations

import http.client
import math
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from benchmarks.arena import Arena
from benchmarks.results import save, show
from support.assault import WAVES, attack
from support.besieged import Besieged, besieged
from support.callbacks import Job, signed

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

SECONDS = 10.0
HONEST = 100
_GATHERING = 1.0  # seconds until the attackers' process runs
_AGAIN = 0.2  # seconds; vendors wait longer, which would only hide how soon it is taken


@dataclass
class Siege:
    """What one wave did."""

    wave: str
    latencies: list[float] = field(default_factory=list)
    """Seconds from an honest callback's first sending until it was recorded."""
    again: int = 0
    """How often honest senders were told to come again, or hung up on."""
    strangers: Counter[int] = field(default_factory=Counter)
    stray_writes: int = 0
    """Patches by anybody that are not an honest callback's."""
    peak_mib: float = 0.0
    cpu_seconds: float = 0.0

    def at(self, share: float) -> float:
        """Return the latency that this share of honest callbacks did not exceed, in milliseconds."""
        return 1000 * sorted(self.latencies)[math.ceil(share * len(self.latencies)) - 1]

    def row(self) -> tuple[object, ...]:
        times = (self.at(0.5), self.at(0.95), self.at(0.99), self.again)
        return (self.wave, sum(self.strangers.values()), *times, self.stray_writes, self.peak_mib, self.cpu_seconds)

    def as_json(self) -> dict[str, Any]:
        latency = {
            name: round(self.at(share), 1) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
        }
        return asdict(self) | {"latencies": latency, "strangers": {str(k): n for k, n in self.strangers.items()}}


def test_hostile(arena: Arena, scale: float, aloud: Callable[[], AbstractContextManager[None]]) -> None:
    sieges = [_siege(arena, wave, SECONDS * scale) for wave in ("nobody", *WAVES)]
    save("hostile", {"seconds": SECONDS * scale, "waves": [siege.as_json() for siege in sieges]})
    with aloud():
        columns = ("attack", "requests", "p50 ms", "p95 ms", "p99 ms", "again", "stray writes", "peak MiB", "CPU s")
        show(f"{HONEST} honest callbacks under attack", columns, [siege.row() for siege in sieges])
    # The one genuine callback that is replayed is recorded, once.
    assert all(siege.stray_writes == ("replays" in siege.wave) for siege in sieges)


def _siege(arena: Arena, wave: str, seconds: float) -> Siege:
    """Attack a sidecar of its own, so that the peak of its memory is this wave's."""
    namespace = arena.cluster.create_namespace("siege")
    context = multiprocessing.get_context("spawn")
    with besieged(arena.cluster, namespace, arena.folder / namespace) as running:
        victim, honest = running.job(), [running.job() for _ in range(HONEST)]
        siege, writes, before = Siege(wave), running.patches(), running.usage().cpu_seconds
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            target = {"port": running.port, "victim": asdict(victim), "secret": running.secret}
            attacking = pool.submit(attack, wave, target, seconds) if wave in WAVES else None
            time.sleep(_GATHERING)
            for job in honest:
                siege.latencies.append(_deliver(running, job, siege))
                time.sleep(0.8 * (seconds - _GATHERING) / HONEST)
            if attacking is not None:
                siege.strangers = attacking.result()
        siege.stray_writes = running.patches() - writes - HONEST
        usage = running.usage()
        siege.peak_mib, siege.cpu_seconds = usage.peak_mib, usage.cpu_seconds - before
    return siege


def _deliver(running: Besieged, job: Job, siege: Siege) -> float:
    """Send a callback until it is taken and return how long that took."""
    body, began = job.body(), time.monotonic()
    while _send(running.port, job, body, signed(running.secret, body)) != 200:
        siege.again += 1
        time.sleep(_AGAIN)
    return time.monotonic() - began


def _send(port: int, job: Job, body: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", job.url, body, headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
