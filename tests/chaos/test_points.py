"""The operator dies right before and right after each act of a purchase, and everything is bought once."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from storyjob.killpoint import Act
from support.chaos.audit import Accountant
from support.chaos.battlefield import Battlefield
from support.chaos.cast import Cast, Part
from support.controlplane import run
from support.simulator import eventually
from support.stage import a_tag

HOOKED, POLLED, SPOKEN = ("hooked",), ("polled",), ("hooked", "audio")
ENDING = 120.0  # seconds

# What adopts is a callback, and what has its job's id written is not a narration; the rest takes turns.
SHAPES = {Act.ADOPT: (HOOKED,), Act.JOB_ID: (POLLED,)}


def points(acts: list[Act]) -> list[tuple[str, tuple[str, ...]]]:
    """Return every point with a scene that comes by it."""
    shapes = (POLLED, SPOKEN, HOOKED)
    found = []
    for nth, act in enumerate(acts):
        for moment in ("before", "after"):
            shape = SHAPES.get(act, (shapes[nth % len(shapes)],))[0]
            found.append((f"{moment}-{act}", shape))
    return found


REACHED = [act for act in Act if act is not Act.ADOPT]


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
    ways = points(REACHED)
    films = made_in_peace(peace, ways)
    battlefield.stage.http.delete("/_sim/ledger").raise_for_status()
    run(battlefield.one.stop())

    parts = []
    for number, (point, shape) in enumerate(ways):
        doomed = battlefield.doomed(point)
        doomed.spawn()
        parts.append(war.part(number, (shape,)))
        war.place.apply(parts[-1].manifest)
        eventually(lambda: not doomed.running)  # noqa: B023 (awaited before the next one)
        assert doomed.exit_code == -signal.SIGKILL, f"{point}: {doomed.tail()}"
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
