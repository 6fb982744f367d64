"""What only Luma does, tried on the simulator: unsigned callbacks, and a list that shows whose a generation is."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from storyjob.api.outcome import Accepted, JobPhase, NoTrace, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Attempt, Finder, Lost, Request
from storyjob.providers.signatures import verify
from support.receiver import receiving
from support.vendor_world import ATTEMPT, Simulation, accepted, ended
from support.vendors import CALLBACK, REQUESTS

REQUEST = REQUESTS["luma"]
HOUR = timedelta(hours=1)


def lost(attempt: Attempt) -> Lost:
    now = datetime.now(UTC)
    return Lost(StepKind.VIDEO, REQUEST.model, attempt.token_hash, now - HOUR, now + HOUR, REQUEST)


async def test_a_picture(simulation: Simulation) -> None:
    provider = simulation.provider("luma")
    picture = Request(StepKind.IMAGE, "photon-1", "a small fox", input={"aspect_ratio": "16:9"})

    assert (await ended(provider, await accepted(provider, picture))).phase is JobPhase.SUCCEEDED


async def test_callbacks_tell_the_beginning_and_the_end(simulation: Simulation) -> None:
    async with receiving() as receiver:
        job = await accepted(simulation.provider("luma"), REQUEST, callback_url=receiver.url)

        callbacks = [verify("luma", *await receiver.next(), [], time.time()) for _ in range(2)]

    assert [(callback.job_id, callback.ended) for callback in callbacks] == [(job.job_id, False), (job.job_id, True)]


async def test_a_generation_whose_answer_was_lost_is_found(simulation: Simulation) -> None:
    provider = simulation.provider("luma")
    assert isinstance(provider, Finder)
    mine = replace(ATTEMPT, callback_url=CALLBACK)
    other = replace(mine, token="f" * 32, callback_url=CALLBACK.replace(mine.token, "f" * 32))
    await provider.submit(REQUEST, other)
    await simulation.fault("accept-then-drop")
    assert isinstance(await provider.submit(REQUEST, mine), Unknown)

    trace = await provider.find(lost(mine))

    entries = await simulation.ledger()
    assert trace == Accepted(entries[1]["job_id"])


async def test_what_was_never_taken_leaves_no_trace(simulation: Simulation) -> None:
    provider = simulation.provider("luma")
    assert isinstance(provider, Finder)
    await simulation.fault("drop")
    mine = replace(ATTEMPT, callback_url=CALLBACK)
    await provider.submit(REQUEST, mine)

    trace = await provider.find(lost(mine))

    assert isinstance(trace, NoTrace)
    assert trace.answered


async def test_a_result_that_expired_is_gone(simulation: Simulation) -> None:
    await simulation.fault("data-removed")
    provider = simulation.provider("luma")

    assert (await ended(provider, await accepted(provider, REQUEST))).phase is JobPhase.GONE
