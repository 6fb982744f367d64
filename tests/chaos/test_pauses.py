"""A leader stops for longer than its lease at the worst moments; another leads, and nothing is bought by both."""

from __future__ import annotations

import signal

import pytest

from support.chaos.audit import Accountant
from support.chaos.battlefield import Battlefield, send, stopped
from support.chaos.cast import Cast
from support.controlplane import run
from support.simulator import eventually
from support.stage import a_tag

ENDING = 180.0  # seconds
SHAPE = (("polled", "audio"),)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("after-intent", id="between the intent and its look at the lease"),
        pytest.param("before-submit", id="between its look at the lease and the request"),
        pytest.param("after-submit", id="with the answer in its hands", marks=pytest.mark.chaos),
        pytest.param("before-bytes", id="with the result in its hands", marks=pytest.mark.chaos),
        pytest.param("before-succeeded", id="with everything stored", marks=pytest.mark.chaos),
    ],
)
def test_a_leader_stopped_beyond_its_lease_buys_nothing_that_another_buys(pair: Battlefield, point: str) -> None:
    war = Cast(pair, pair.stage.namespaces[0], a_tag())
    run(pair.one.kill())
    # It leads before the other one is asked to follow again.
    run(pair.two.stop())
    sleeper = pair.doomed(f"{point}:1:stop")
    run(sleeper.start())
    eventually(lambda: pair.stage.leader() == "one")
    run(pair.two.start())
    part = war.part(0, SHAPE)
    war.place.apply(part.manifest)
    try:
        eventually(lambda: stopped(sleeper))
        eventually(lambda: pair.stage.leader() == "two")
        accountant = Accountant(war)
        accountant.until_orphans_are_lost(part)
        send(sleeper, signal.SIGCONT)
        # It does what it was about to do, sees that its lease is over, and goes.
        eventually(lambda: not sleeper.running)
        stories = accountant.until_over([part], ENDING)
    finally:
        run(sleeper.kill())
    assert stories[part.name]["status"]["phase"] == "Completed"
    assert accountant.bought() == dict.fromkeys(part.steps, 1)
