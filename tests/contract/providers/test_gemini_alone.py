"""What only Gemini does, tried on the simulator: clips in files that need the key, tokens that sign, cancelling."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest

from storyjob.api.errors import SignatureError
from storyjob.api.outcome import FailureKind, JobPhase, Rejected, UrlOutput
from storyjob.api.step import StepKind
from storyjob.media.download import Downloader
from storyjob.media.fetch import fetch
from storyjob.providers.base import Authorizer, Request
from storyjob.providers.gemini import fetch_jwks
from storyjob.providers.signatures import verify
from support.receiver import receiving
from support.vendor_world import ATTEMPT, Simulation, accepted, ended

CLIP = Request(
    StepKind.VIDEO, "gemini-omni-1.1-flash", "pan to the moon", input={"response_format": {"duration": "4s"}}
)


async def test_a_clip_is_fetched_with_the_key(simulation: Simulation, tmp_path: Path) -> None:
    provider = simulation.provider("gemini")
    seen = await ended(provider, await accepted(provider, CLIP))
    assert seen.result is not None
    output = cast(UrlOutput, seen.result.output)
    assert (await simulation.http.get(output.url)).status_code == 403

    got = await fetch(
        output,
        kind=StepKind.VIDEO,
        downloader=Downloader(simulation.http, ["127.0.0.1"]),
        directory=tmp_path,
        authorization=await cast(Authorizer, provider).authorize(output.url),
    )

    assert got.content_type == "video/mp4"
    assert got.media.seconds == pytest.approx(4, abs=0.2)


async def test_a_running_interaction_is_cancelled(simulation: Simulation) -> None:
    await simulation.fault("never-finish")
    provider = simulation.provider("gemini")
    job = await accepted(provider, CLIP)

    await provider.cancel(job)

    assert (await provider.observe(job)).phase is JobPhase.CANCELED


async def test_the_callback_is_believed_and_names_the_job(simulation: Simulation) -> None:
    keys = await fetch_jwks(simulation.connection("gemini"))
    async with receiving() as receiver:
        job = await accepted(simulation.provider("gemini"), CLIP, callback_url=receiver.url)

        callback = verify("gemini", *await receiver.next(), [keys], time.time())

    assert (callback.job_id, callback.ended) == (job.job_id, True)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"name": "wrong-signature"}, id="signed with another key"),
        pytest.param({"name": "old-timestamp"}, id="signed long ago"),
        pytest.param({"name": "forged-webhook"}, id="told before the end by somebody else"),
    ],
)
async def test_callbacks_that_cannot_be_believed(simulation: Simulation, fault: dict[str, Any]) -> None:
    keys = await fetch_jwks(simulation.connection("gemini"))
    await simulation.fault(**fault)
    async with receiving() as receiver:
        await accepted(simulation.provider("gemini"), CLIP, callback_url=receiver.url)

        headers, body = await receiver.next()

    with pytest.raises(SignatureError):
        verify("gemini", headers, body, [keys], time.time())


async def test_what_google_deleted_is_gone(simulation: Simulation) -> None:
    await simulation.fault("data-removed")
    provider = simulation.provider("gemini")

    assert (await ended(provider, await accepted(provider, CLIP))).phase is JobPhase.GONE


async def test_the_days_quota_does_not_come_back_by_waiting(simulation: Simulation) -> None:
    await simulation.fault("status", status=429, code="quota_exceeded")

    outcome = await simulation.provider("gemini").submit(CLIP, ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.QUOTA
    assert await simulation.bought() == 0
