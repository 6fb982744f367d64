"""A campaign: the same stories in peace and in war, and what differs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from support.chaos.audit import Accountant, Findings, patiently
from support.chaos.battlefield import Battlefield
from support.chaos.cast import Cast, Part
from support.chaos.monkey import Monkey
from support.controlplane import run

_PEACE_SECONDS = 600.0
_ENDING_SECONDS = 600.0
_ANSWER_SECONDS = 0.4
_ABREAST = 6  # stories at the beginning; the others come while blows fall


@dataclass(frozen=True)
class Orders:
    """How much is to be made and to be killed."""

    stories: int
    kills: int
    seed: int
    unfindable: int = 0
    """How many of the stories ask for narrations that no vendor's history tells of."""

    def part(self, cast: Cast, number: int) -> Part:
        """Return one of the stories; the unfindable ones are spread among the others."""
        nth = self.stories // self.unfindable if self.unfindable else 0
        return cast.part(number, findable=not (nth and number % nth == nth - 1))


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    orders: Orders
    monkey: Monkey
    findings: Findings
    resolved: int
    completed: int
    seconds: float
    means: str
    """How lines were cut."""

    def report(self) -> str:
        """Return the figures, a line each."""
        monkey, found = self.monkey, self.findings
        return "\n".join(
            (
                f"seed {self.orders.seed}: {monkey.kills.total()} kills, {monkey.pauses.total()} pauses, "
                f"{monkey.cuts.total()} cuts and {monkey.partitions.total()} partitions {self.means}, "
                f"{self.seconds:.0f} s",
                f"kills       {_told(monkey.kills)}",
                f"at a named point {monkey.points.total()}: {_told(monkey.points)}",
                f"pauses      {_told(monkey.pauses)}",
                f"cuts        {_told(monkey.cuts)}",
                f"partitions  {_told(monkey.partitions)}; in {monkey.deposed} of them another one led meanwhile",
                f"ended by themselves and started again: {_told(monkey.revived) or 'none'}",
                f"{self.orders.stories} stories, {self.completed} completed, {found.submissions} generations bought",
                f"{len(found.duplicates)} duplicates, {len(found.lost)} lost, {len(found.wrong)} wrong films or sums",
                f"{self.resolved} never reached a vendor and were bought after a look at the account; "
                f"{found.given_up} given up by policy Fail",
            )
        )


def march(field: Battlefield, peace: Cast, war: Cast, orders: Orders) -> Outcome:
    """Make the stories in peace, then the same again while everything dies, and audit."""
    films = _films(peace, orders)
    field.stage.http.delete("/_sim/ledger").raise_for_status()
    # As long as a vendor may take to answer, so that a death can fall into a paid call.
    field.stage.fault("latency", seconds=_ANSWER_SECONDS, times=None, match={"route": "submit"})
    began = time.monotonic()
    monkey, parts = Monkey(field, orders.seed), [orders.part(war, number) for number in range(orders.stories)]
    applied = 0

    def meanwhile(kills: int) -> None:
        nonlocal applied
        while applied < len(parts) and applied < _ABREAST + kills * len(parts) / orders.kills:
            patiently(partial(war.place.apply, parts[applied].manifest))
            applied += 1

    meanwhile(0)
    try:
        monkey.rage(orders.kills, meanwhile)
    finally:
        monkey.calm()
        field.stage.http.delete("/_sim/faults").raise_for_status()
    # One is enough to end what is left, and whoever comes after us may want to be the only one.
    run(field.two.stop())
    accountant = Accountant(war)
    stories = accountant.until_over(parts, _ENDING_SECONDS)
    completed = sum(story["status"]["phase"] == "Completed" for story in stories.values())
    findings = accountant.audit(parts, stories, films)
    return Outcome(
        orders, monkey, findings, accountant.resolved, completed, time.monotonic() - began, field.lines.means
    )


def _films(peace: Cast, orders: Orders) -> dict[str, str]:
    parts = [orders.part(peace, number) for number in range(orders.stories)]
    for part in parts:
        peace.place.apply(part.manifest)
    stories = Accountant(peace).until_over(parts, _PEACE_SECONDS)
    return {name: story["status"]["outputs"]["film"]["sha256"] for name, story in stories.items()}


def _told(count: dict[str, int]) -> str:
    return ", ".join(f"{name} {times}" for name, times in sorted(count.items()))
