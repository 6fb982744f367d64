"""What only Veo does, tried on the simulator: clips in a bucket, read and found with a service account."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from storyjob.api.outcome import Done, NoTrace, Trace, Unknown, UrlOutput
from storyjob.api.step import StepKind
from storyjob.media.download import Downloader
from storyjob.media.fetch import fetch
from storyjob.providers.base import Authorizer, Connection, Finder, Lost, OutputPlace, Provider
from storyjob.providers.registry import provider_type
from support.builders import NOW
from support.google import service_account_key
from support.vendor_world import ATTEMPT, Simulation, accepted, ended
from support.vendors import REQUESTS

# Behind another address than Google's own, the location has to be told.
REQUEST = replace(REQUESTS["vertex-veo"], input={"location": "us-central1", "durationSeconds": 4})
LOST = Lost(StepKind.VIDEO, REQUEST.model, ATTEMPT.token_hash, NOW, NOW + timedelta(minutes=1))


def veo(simulation: Simulation, bucket: bool = True) -> Provider:
    secret = service_account_key(token_uri=f"{simulation.url}/oauth2/token")
    output = OutputPlace("gs://films/clips", f"{simulation.url}/gcs") if bucket else None
    return provider_type("vertex-veo").build(
        Connection(f"{simulation.url}/vertex", secret, simulation.http, output=output)
    )


async def found(simulation: Simulation, provider: Provider) -> Trace:
    """Wait for the job to end, and look for its clip."""
    async with asyncio.timeout(30):
        while True:
            if all(entry["state"] == "succeeded" for entry in await simulation.ledger()):
                break
            await asyncio.sleep(0.02)
    return await cast(Finder, provider).find(LOST)


async def read(simulation: Simulation, provider: Provider, output: UrlOutput, directory: Path) -> str:
    authorization = await cast(Authorizer, provider).authorize(output.url)
    downloader = Downloader(simulation.http, ["127.0.0.1"])
    got = await fetch(
        output, kind=StepKind.VIDEO, downloader=downloader, directory=directory, authorization=authorization
    )
    return got.content_type


async def test_a_clip_is_read_from_the_bucket(simulation: Simulation, tmp_path: Path) -> None:
    provider = veo(simulation)

    seen = await ended(provider, await accepted(provider, REQUEST))

    assert seen.result is not None
    assert isinstance(seen.result.output, UrlOutput)
    assert ATTEMPT.token_hash in seen.result.output.url
    assert await read(simulation, provider, seen.result.output, tmp_path) == "video/mp4"


@pytest.mark.parametrize("fault", ["accept-then-drop", "accept-then-500", "not-json"])
async def test_a_clip_whose_answer_was_lost_is_found(simulation: Simulation, tmp_path: Path, fault: str) -> None:
    await simulation.fault(fault)
    provider = veo(simulation)
    assert isinstance(await provider.submit(REQUEST, ATTEMPT), Unknown)

    trace = await found(simulation, provider)

    assert isinstance(trace, Done)
    assert isinstance(trace.result.output, UrlOutput)
    assert await read(simulation, provider, trace.result.output, tmp_path) == "video/mp4"
    assert len(await simulation.ledger()) == 1


async def test_another_attempts_clip_is_not_ours(simulation: Simulation) -> None:
    provider = veo(simulation)
    await ended(provider, await accepted(provider, REQUEST, token="f" * 32))

    trace = await cast(Finder, provider).find(LOST)

    assert isinstance(trace, NoTrace)
    assert trace.answered


async def test_an_outage_while_looking_is_no_answer(simulation: Simulation) -> None:
    provider = veo(simulation)
    await simulation.fault("status", status=503, match={"route": "poll", "vendor": "gcs"})

    trace = await cast(Finder, provider).find(LOST)

    assert isinstance(trace, NoTrace)
    assert not trace.answered


async def test_without_a_bucket_a_service_account_gets_the_clip_in_the_answer(simulation: Simulation) -> None:
    provider = veo(simulation, bucket=False)

    seen = await ended(provider, await accepted(provider, REQUEST))

    assert seen.result is not None
    assert not isinstance(seen.result.output, UrlOutput)
