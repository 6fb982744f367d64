"""What only Black Forest Labs has, tried on the simulator: its words for a filter, and the credits told beforehand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from storyjob.api.outcome import FailureKind, JobPhase
from support.vendor_world import Simulation, accepted, ended
from support.vendors import REQUESTS

REQUEST = REQUESTS["bfl"]


async def test_the_credits_that_a_task_was_taken_for_are_its_cost(simulation: Simulation) -> None:
    provider = simulation.provider("bfl")

    seen = await ended(provider, await accepted(provider, REQUEST))

    assert seen.result is not None
    assert seen.result.cost == Decimal((await simulation.ledger())[0]["charged"]) == Decimal("0.025")


@pytest.mark.parametrize(
    ("fault", "kind"), [("refuse", FailureKind.REFUSED), ("fail", FailureKind.FAILED)], ids=["moderated", "failed"]
)
async def test_why_there_is_no_picture(simulation: Simulation, fault: str, kind: FailureKind) -> None:
    await simulation.fault(fault, message="because")
    provider = simulation.provider("bfl")

    seen = await ended(provider, await accepted(provider, REQUEST))

    assert seen.failure is not None
    assert (seen.failure.kind, "because" in seen.failure.message) == (kind, True)


async def test_a_task_is_known_only_by_its_own_account(simulation: Simulation) -> None:
    job = await accepted(simulation.provider("bfl"), REQUEST)

    assert (await simulation.provider("bfl", "a-stranger").observe(job)).phase is JobPhase.UNREACHABLE
