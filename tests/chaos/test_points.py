"""The operator dies right before and right after each act of a purchase, and everything is bought once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from storyjob.killpoint import Act
from support.chaos.audit import Accountant
from support.chaos.battlefield import Battlefield, let_die
from support.chaos.cast import Cast, Part
from support.controlplane import run
from support.stage import a_tag

HOOKED, POLLED, SPOKEN = ("hooked",), ("polled",), ("hooked", "audio")
ENDING = 180.0  # seconds

# A callback tells of the job whose id was not written; whoever comes next takes it over, or dies over it.
ORPHANED = [("before-job-id", HOOKED), ("before-adopt", HOOKED), ("after-adopt", HOOKED), ("after-job-id", POLLED)]

# No purchase comes by these; tests/chaos/test_endings.py dies at them.
ELSEWHERE = {Act.FIND, Act.CANCEL, Act.SETTLE}
# The ways out of the process are many times passed: somewhere in the middle.
NTH = {Act.WRITE: ":30", Act.PUT: ":2", Act.CALL: ":3"}


def points() -> list[tuple[str, tuple[str, ...]]]:
    """Return every point, in an order in which each is reached, with a scene that comes by it."""
    shapes = (POLLED, SPOKEN, HOOKED)
    found = []
    for nth, act in enumerate(act for act in Act if act not in {Act.ADOPT, *ELSEWHERE}):
        pair = [(f"{moment}-{act}{NTH.get(act, '')}", shapes[nth % len(shapes)]) for moment in ("before", "after")]
        found += ORPHANED if act is Act.JOB_ID else pair
    return found


@pytest.fixture
def tag() -> str:
    return a_tag()


@pytest.fixture
def war(battlefield: Battlefield, tag: str) -> Iterator[Cast]:
    """The stories that the operator dies over; the operator is there again when it is over."""
    yield Cast(battlefield, battlefield.stage.namespaces[0], tag)
    if not battlefield.one.running:
        run(battlefield.one.start())


@pytest.mark.timeout(900)
def test_each_named_point_is_died_at_and_nothing_is_bought_twice(battlefield: Battlefield, war: Cast, tag: str) -> None:
    peace = Cast(battlefield, battlefield.stage.namespaces[1], tag)
    ways = points()
    assert len({point for point, _ in ways}) == 2 * (len(Act) - len(ELSEWHERE))
    films = made_in_peace(peace, ways)
    battlefield.stage.http.delete("/_sim/ledger").raise_for_status()
    run(battlefield.one.stop())

    parts = []
    for number, (point, shape) in enumerate(ways):
        parts.append(war.part(number, (shape,)))
        let_die(battlefield.doomed(point), partial(war.place.apply, parts[-1].manifest))
    run(battlefield.one.start())

    accountant = Accountant(war)
    stories = accountant.until_over(parts, ENDING)
    assert {story["status"]["phase"] for story in stories.values()} == {"Completed"}
    found = accountant.audit(parts, stories, films)
    assert not found, found
    # Between intent and request nobody but the vendor's account can tell, so somebody has to look there.
    assert accountant.resolved >= 2


def made_in_peace(peace: Cast, ways: list[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Return the SHA-256 of each film as it is when nothing dies."""
    parts: list[Part] = []
    for number, (_, shape) in enumerate(ways):
        parts.append(peace.part(number, (shape,)))
        peace.place.apply(parts[-1].manifest)
    done = {part.name: peace.place.completed(part.name) for part in parts}
    return {name: story["status"]["outputs"]["film"]["sha256"] for name, story in done.items()}
