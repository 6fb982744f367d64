"""A leader that is cut off from the API server, and not from the vendors, buys nothing that another one buys.

Packets vanish between network namespaces, so the old leader is told of nothing; it has the vendors' ear all the time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

from storyjob.local.process import Process
from support.chaos.audit import Accountant
from support.chaos.battlefield import SETTINGS, Battlefield, send, stopped
from support.chaos.cast import Cast, Part
from support.chaos.scout import Scout
from support.controlplane import run
from support.simulator import eventually
from support.stage import a_tag

pytestmark = [pytest.mark.namespaces, pytest.mark.timeout(600)]

ENDING = 180.0  # seconds
LEASE_SECONDS = float(SETTINGS["STORYJOB_LEASE_SECONDS"])
LINE = "one - apiserver"
LOST = pytest.param("lost", id="nothing passes")
ONE_WAY = (("deaf", "answers are lost"), ("mute", "requests are lost"))
AT_LENGTH = [LOST, *(pytest.param(how, id=what, marks=pytest.mark.chaos) for how, what in ONE_WAY)]
_GET = "import sys, urllib.request as http; print(http.urlopen(sys.argv[1], timeout=5).status)"


@pytest.mark.parametrize("how", [LOST, *(pytest.param(how, id=what) for how, what in ONE_WAY)])
def test_a_leader_cut_off_while_it_buys_buys_nothing_after_its_lease(pair: Battlefield, how: str) -> None:
    war = Cast(pair, pair.stage.namespaces[0], a_tag())
    leads(pair, pair.one)
    run(pair.two.start())
    # A queue of pictures, two at a time: there is always another one that the old leader could buy.
    part = war.part(0, (("polled",),) * 8, images=2)
    war.place.apply(part.manifest)
    eventually(lambda: len(war.place.bought()) >= 2)
    pair.lines.hurt(LINE, how)
    cut = time.time()
    assert reaches(pair, "one", f"{pair.vendors_url}/_sim/health") == 200
    eventually(lambda: pair.stage.leader() == "two")
    accountant = Accountant(war)
    stories = accountant.until_over([part], ENDING)
    assert reaches(pair, "one", f"{pair.vendors_url}/_sim/health") == 200
    pair.lines.heal()
    assert stories[part.name]["status"]["phase"] == "Completed"
    # Healed, it sees another one's name in the lease, and ends.
    eventually(lambda: not pair.one.running)
    assert accountant.bought() == dict.fromkeys(part.steps, 1)
    late = [entry for entry in war.place.bought() if at(entry["at"]) > cut + LEASE_SECONDS]
    assert {entry["caller"] for entry in late} == {address(pair, "two")}


@pytest.mark.parametrize("how", AT_LENGTH)
def test_a_leader_cut_off_after_its_intent_does_not_make_the_call(pair: Battlefield, how: str) -> None:
    """Its intent is on record and the vendor listens, but its lease is over, which no more than its clock tells it."""
    war, part, sleeper = asleep(pair, "after-intent:1:stop")
    pair.lines.hurt(LINE, how)
    eventually(lambda: pair.stage.leader() == "two")
    send(sleeper, signal.SIGCONT)
    accountant = Accountant(war)
    accountant.until_orphans_are_lost(part)
    # The old leader is awake, has its intent, and reaches the vendor; what is bought is bought by the new one.
    stories = accountant.until_over([part], ENDING)
    finish(pair, sleeper)
    assert stories[part.name]["status"]["phase"] == "Completed"
    assert accountant.bought() == dict.fromkeys(part.steps, 1)
    assert {entry["caller"] for entry in war.place.bought()} == {address(pair, "two")}


@pytest.mark.parametrize("how", AT_LENGTH)
def test_what_a_leader_bought_before_it_was_cut_off_is_found_by_the_next(pair: Battlefield, how: str) -> None:
    """The answer is in the old leader's hands, which cannot write it; the vendor's own list tells the new one."""
    war, part, sleeper = asleep(pair, "after-submit:1:stop")
    pair.lines.hurt(LINE, how)
    eventually(lambda: pair.stage.leader() == "two")
    send(sleeper, signal.SIGCONT)
    accountant = Accountant(war)
    accountant.until_orphans_are_lost(part)
    stories = accountant.until_over([part], ENDING)
    finish(pair, sleeper)
    assert stories[part.name]["status"]["phase"] == "Completed"
    assert accountant.bought() == dict.fromkeys(part.steps, 1)
    assert {entry["caller"] for entry in war.place.bought()} == {address(pair, "one")}
    assert accountant.resolved == 0


def asleep(pair: Battlefield, point: str) -> tuple[Cast, Part, Process]:
    """Return a story whose leader, the first operator, stopped at a point of its one purchase; a second one follows."""
    war = Cast(pair, pair.stage.namespaces[0], a_tag())
    run(pair.one.kill())
    sleeper = pair.doomed(point)
    leads(pair, sleeper)
    run(pair.two.start())
    part = war.part(0, (("polled",),))
    war.place.apply(part.manifest)
    eventually(lambda: stopped(sleeper))
    return war, part, sleeper


def leads(pair: Battlefield, process: Process) -> None:
    """Have one operator lead, and nobody beside it."""
    run(pair.two.stop())
    if not process.running:
        run(process.start())
    scout = Scout(pair)
    eventually(lambda: scout.state("one").leads)


def finish(pair: Battlefield, sleeper: Process) -> None:
    """Heal the line; the old leader sees that another one leads, and goes."""
    pair.lines.heal()
    try:
        eventually(lambda: not sleeper.running)
    finally:
        run(sleeper.kill())


def reaches(pair: Battlefield, name: str, url: str) -> int:
    """Return what a server answers that is asked from an operator's own house."""
    assert pair.network is not None
    command = [*pair.network.house(name).entrance, sys.executable, "-c", _GET, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "no_proxy": "*"})
    return int(done.stdout)


def address(pair: Battlefield, name: str) -> str:
    assert pair.network is not None
    return pair.network.house(name).address


def at(stamp: str) -> float:
    """Return a time of the account in Unix seconds."""
    return datetime.fromisoformat(stamp).timestamp()
