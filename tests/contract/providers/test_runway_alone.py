"""What only Runway does, tried on the simulator: places that are waited for, and deletions that destroy."""

from __future__ import annotations

from decimal import Decimal

import pytest

from storyjob.api.outcome import JobPhase
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendor_world import Simulation, accepted, ended
from support.vendors import REQUESTS

REQUEST = REQUESTS["runway"]


async def test_a_task_that_waits_for_a_place_was_taken(simulation: Simulation) -> None:
    await simulation.fault("unknown-status", word="THROTTLED")
    await simulation.fault("never-finish", stage="queued")
    provider = simulation.provider("runway")

    assert (await provider.observe(await accepted(provider, REQUEST))).phase is JobPhase.QUEUED


async def test_a_task_that_has_not_begun_is_cancelled_and_costs_nothing(simulation: Simulation) -> None:
    await simulation.fault("never-finish", stage="queued")
    provider = simulation.provider("runway")
    job = await accepted(provider, REQUEST)

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is JobPhase.GONE
    (entry,) = await simulation.ledger()
    assert (entry["state"], Decimal(entry["charged"])) == ("canceled", 0)


async def test_a_running_task_is_left_alone_by_a_cancel(simulation: Simulation) -> None:
    await simulation.fault("never-finish")
    provider = simulation.provider("runway")
    job = await accepted(provider, REQUEST)
    while (await provider.observe(job)).phase is JobPhase.QUEUED:
        pass

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is JobPhase.RUNNING


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(Request(StepKind.IMAGE, "gen4_image", "a fox", input={"ratio": "1280:720"}), id="a picture"),
        pytest.param(REQUEST, id="a clip"),
    ],
)
async def test_the_cost_comes_with_the_result(simulation: Simulation, request_: Request) -> None:
    provider = simulation.provider("runway")

    seen = await ended(provider, await accepted(provider, request_))

    assert seen.result is not None
    assert seen.result.cost is not None
    (entry,) = await simulation.ledger()
    # Whole credits of a cent, so never less than what was charged.
    assert 0 <= seen.result.cost - Decimal(entry["charged"]) < Decimal("0.01")


async def test_a_result_that_expired_is_gone(simulation: Simulation) -> None:
    await simulation.fault("data-removed")
    provider = simulation.provider("runway")

    assert (await ended(provider, await accepted(provider, REQUEST))).phase is JobPhase.GONE
