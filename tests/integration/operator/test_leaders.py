"""Two replicas: one leads, the other follows within seconds, and nothing is bought by both."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from storyjob.local.process import Process
from storyjob.local.s3 import Bucket
from support.controlplane import Cluster, run
from support.place import Place
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]

SLOW = ("--media", "small", "--speed", "10", "--image-seconds", "20", "--speech-seconds", "5")
LEASE_SECONDS = 3
SETTINGS = {"STORYJOB_INSTANCE": "one", "STORYJOB_LEASE_SECONDS": str(LEASE_SECONDS)}
SCENES = 8


@pytest.fixture
def pair(crds: Cluster, s3: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose operator has a leader's lease that soon runs out."""
    with on_stage(crds, s3, tmp_path_factory.mktemp("pair"), casting=Casting(SLOW, SETTINGS)) as stage:
        yield stage


@pytest.fixture
def other(pair: Stage) -> Iterator[Process]:
    """A second replica, ready and following."""
    eventually(lambda: pair.leader() == "one")
    process = pair.another_operator("two")
    run(process.start())
    yield process
    run(process.stop(60))


@pytest.fixture
def place(pair: Stage) -> Place:
    return Place(pair, pair.namespaces[0])


def narrated(place: Place) -> str:
    """Apply a story of pictures and narrations and return its name."""
    place.providers("pictures", "voice")
    scenes = [place.scene(f"s{nth}", "image", "audio") for nth in range(SCENES)]
    return str(place.apply(place.story(*scenes))["metadata"]["name"])


def narrations(place: Place) -> int:
    return sum(entry["kind"] == "audio" for entry in place.bought())


def assert_bought_once(place: Place, name: str) -> None:
    bought = Counter((entry["kind"], entry["text"]) for entry in place.bought())
    assert len(bought) == 2 * SCENES
    assert set(bought.values()) == {1}
    assert all(place.step_of(name, f"s{nth}", "audio")["attempt"] == 1 for nth in range(SCENES))


def test_a_rolling_update_amid_narrations_buys_none_twice_and_asks_nobody(place: Place, other: Process) -> None:
    name = narrated(place)
    eventually(lambda: narrations(place) >= 3)
    place.stage.stop_operator()
    # What was being spoken was waited for and written; the follower goes on with the next one.
    eventually(lambda: place.stage.leader() == "two")
    place.completed(name)
    assert_bought_once(place, name)
    assert other.running


def test_a_killed_leader_is_followed_and_what_it_was_buying_is_not_bought_again(place: Place, other: Process) -> None:
    place.providers("pictures")
    scenes = [place.scene(f"s{nth}", "image") for nth in range(SCENES)]
    name = place.apply(place.story(*scenes))["metadata"]["name"]
    eventually(lambda: len(place.bought()) == SCENES)
    place.stage.kill_operator()
    killed = time.monotonic()
    eventually(lambda: place.stage.leader() == "two")
    followed = time.monotonic() - killed
    place.completed(name)
    assert len(place.bought()) == SCENES
    # Not a measure of speed: it says that the lease was waited for, and that nobody waited for a restart.
    assert followed > LEASE_SECONDS / 3


def test_a_leader_that_was_paused_wakes_up_to_an_expired_lease_and_goes(place: Place, other: Process) -> None:
    name = narrated(place)
    eventually(lambda: narrations(place) >= 2)
    paused = place.stage.operator
    assert paused.pid is not None
    os.kill(paused.pid, signal.SIGSTOP)
    try:
        eventually(lambda: place.stage.leader() == "two")
    finally:
        os.kill(paused.pid, signal.SIGCONT)
    eventually(lambda: not paused.running)
    assert paused.exit_code == 0
    # One narration was in the paused process' hands; its answer is either written by it or of unknown outcome.
    history = place.until(name, lambda story: story is not None and story["status"]["phase"] in ("Completed", "Failed"))
    bought = Counter((entry["kind"], entry["text"]) for entry in place.bought())
    assert set(bought.values()) == {1}
    assert history
