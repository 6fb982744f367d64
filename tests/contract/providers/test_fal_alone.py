"""What only fal can do, tried on the simulator: cancel, start deadlines, its queue's URLs, its signed callbacks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import FailureKind, JobPhase
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from storyjob.providers.fal import fetch_jwks
from storyjob.providers.signatures import verify
from support.receiver import receiving
from support.vendor_world import Simulation, accepted, ended
from support.vendors import REQUESTS

REQUEST = REQUESTS["fal"]


@pytest.mark.parametrize("stage", ["queued", "running"])
async def test_a_request_can_be_cancelled(simulation: Simulation, stage: str) -> None:
    await simulation.fault("never-finish", stage=stage)
    provider = simulation.provider("fal")
    job = await accepted(provider, REQUEST)

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is JobPhase.CANCELED


async def test_a_request_that_did_not_begin_in_time_is_dropped(simulation: Simulation) -> None:
    await simulation.fault("never-finish", stage="queued")
    provider = simulation.provider("fal")

    seen = await ended(provider, await accepted(provider, REQUEST, deadline_seconds=1))

    assert seen.failure is not None
    assert seen.failure.kind is FailureKind.FAILED
    assert "request_timeout" in seen.failure.message


async def test_deleted_data_is_gone(simulation: Simulation) -> None:
    await simulation.fault("data-removed")
    provider = simulation.provider("fal")

    assert (await ended(provider, await accepted(provider, REQUEST))).phase is JobPhase.GONE


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(REQUEST, id="a picture"),
        pytest.param(Request(StepKind.AUDIO, "fal-ai/minimax/speech-02-hd", "Once.", voice="Wise_Woman"), id="speech"),
        pytest.param(Request(StepKind.VIDEO, "fal-ai/kling-video/v2/master/text-to-video", "pan"), id="a clip"),
    ],
)
async def test_a_job_that_only_a_callback_told_of_is_found(simulation: Simulation, request_: Request) -> None:
    provider = simulation.provider("fal")
    job = await accepted(provider, request_)

    seen = await ended(provider, replace(job, handles={}))

    assert seen.phase is JobPhase.SUCCEEDED


async def test_a_callback_is_believed_and_names_the_job(simulation: Simulation) -> None:
    keys = [await fetch_jwks(simulation.connection("fal"))]
    async with receiving() as receiver:
        job = await accepted(simulation.provider("fal"), REQUEST, callback_url=receiver.url)

        callback = verify("fal", *await receiver.next(), keys, time.time())

    assert (callback.job_id, callback.ended) == (job.job_id, True)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{"name": "wrong-signature"}], id="signed with another key"),
        pytest.param([{"name": "old-timestamp"}], id="signed long ago"),
        pytest.param([{"name": "forged-webhook"}, {"name": "lost-webhook"}], id="forged"),
    ],
)
async def test_callbacks_that_cannot_be_believed(simulation: Simulation, faults: list[dict[str, Any]]) -> None:
    keys = [await fetch_jwks(simulation.connection("fal"))]
    for fault in faults:
        await simulation.fault(**fault)
    async with receiving() as receiver:
        await accepted(simulation.provider("fal"), REQUEST, callback_url=receiver.url)

        headers, body = await receiver.next()

    with pytest.raises(SignatureError):
        verify("fal", headers, body, keys, time.time())
