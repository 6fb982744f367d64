"""No vendor that never answers is waited for longer than said; all in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from storyjob.api.outcome import JobPhase, NoTrace, Unknown
from storyjob.providers.base import Finder, Lost, Provider
from storyjob.providers.exchange import ASK_SECONDS
from storyjob.providers.registry import provider_types
from support import virtual_time
from support.builders import NOW, a_hash
from support.vendors import JOBS, REQUESTS, Vendor, an_attempt, connect

QUESTIONS = 5  # as many as an adapter may have to put to find one job


async def never(_: httpx.Request) -> httpx.Response:
    """Answer no question, ever."""
    await asyncio.sleep(1e9)
    raise AssertionError


def silent(type_: str) -> Provider:
    return connect(type_, Vendor(never))


@pytest.mark.parametrize("type_", provider_types())
def test_a_paid_request_is_given_up_after_the_stated_time_and_nobody_knows(type_: str) -> None:
    async def story() -> tuple[object, float, float]:
        provider = silent(type_)
        outcome = await provider.submit(REQUESTS[type_], an_attempt())
        return outcome, virtual_time.clock(), provider.capabilities.submit_seconds

    outcome, took, stated = virtual_time.run(story())
    assert isinstance(outcome, Unknown)
    assert took == pytest.approx(stated)


@pytest.mark.parametrize("type_", provider_types())
def test_a_question_is_given_up_before_a_lease_has_run_out(type_: str) -> None:
    async def story() -> tuple[JobPhase, float]:
        return (await silent(type_).observe(JOBS[type_])).phase, virtual_time.clock()

    phase, took = virtual_time.run(story())
    assert (phase, took) in [(JobPhase.UNREACHABLE, pytest.approx(ASK_SECONDS)), (JobPhase.GONE, 0)]
    assert ASK_SECONDS < 15


@pytest.mark.parametrize("type_", provider_types())
def test_a_request_to_stop_a_job_is_given_up_too(type_: str) -> None:
    async def story() -> tuple[bool, float]:
        try:
            await silent(type_).cancel(JOBS[type_])
        except httpx.HTTPError:
            return True, virtual_time.clock()
        return False, virtual_time.clock()

    refused, took = virtual_time.run(story())
    assert (refused, took) in [(True, pytest.approx(ASK_SECONDS)), (False, 0)]


@pytest.mark.parametrize("type_", [type_ for type_ in provider_types() if isinstance(silent(type_), Finder)])
def test_nothing_is_sought_for_ever(type_: str) -> None:
    until = NOW + timedelta(minutes=2)
    lost = Lost(REQUESTS[type_].step, REQUESTS[type_].model, a_hash(), NOW, until, REQUESTS[type_])

    async def story() -> tuple[object, float]:
        provider = silent(type_)
        assert isinstance(provider, Finder)
        return await provider.find(lost), virtual_time.clock()

    trace, took = virtual_time.run(story())
    assert isinstance(trace, NoTrace)
    assert took <= QUESTIONS * ASK_SECONDS
