"""A request whose answer was lost is found again where the vendor can tell, and never where it cannot be told apart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storyjob.api.capabilities import Find
from storyjob.api.outcome import Accepted, Done, NoTrace, Trace, Unknown, UrlOutput
from storyjob.providers.base import Authorizer, Finder, Lost, Request
from storyjob.providers.registry import PROVIDERS
from support.vendor_world import Simulation
from support.vendors import REQUESTS, an_attempt

MINUTE = timedelta(minutes=1)
PICTURE = replace(REQUESTS["replicate"], seed=7, input={"aspect_ratio": "16:9"})
SPEECH = REQUESTS["elevenlabs"]


def lost(request: Request, *, taken: frozenset[str] = frozenset(), told: bool = True) -> Lost:
    moment, asked = datetime.now(UTC), request if told else None
    return Lost(request.step, request.model, "0" * 64, moment - MINUTE, moment + MINUTE, asked, taken)


async def find(simulation: Simulation, type_: str, wanted: Lost) -> Trace:
    provider = simulation.provider(type_)
    assert isinstance(provider, Finder)
    return await provider.find(wanted)


async def lose(simulation: Simulation, type_: str, request: Request) -> None:
    """Have a request taken whose answer never comes."""
    await simulation.fault("accept-then-drop")
    assert isinstance(await simulation.provider(type_).submit(request, an_attempt(callback_url=None)), Unknown)


async def job_ids(simulation: Simulation) -> list[str]:
    return [entry["job_id"] for entry in await simulation.ledger()]


@pytest.mark.parametrize("type_", sorted(PROVIDERS))
def test_who_claims_to_find_can_be_asked(type_: str, simulation: Simulation) -> None:
    claims = PROVIDERS[type_].capabilities.find is not Find.NONE
    assert claims == isinstance(simulation.provider(type_), Finder)


async def test_replicate_knows_the_prediction_by_model_input_and_time(simulation: Simulation) -> None:
    await lose(simulation, "replicate", replace(PICTURE, text="another prompt"))
    await lose(simulation, "replicate", PICTURE)
    await lose(simulation, "replicate", replace(PICTURE, seed=8))
    assert await find(simulation, "replicate", lost(PICTURE)) == Accepted((await job_ids(simulation))[1])


async def test_replicate_names_none_of_several_that_it_could_be(simulation: Simulation) -> None:
    for _ in range(2):
        await lose(simulation, "replicate", PICTURE)
    first, second = await job_ids(simulation)
    trace = await find(simulation, "replicate", lost(PICTURE))
    assert isinstance(trace, NoTrace)
    assert "2 predictions" in trace.message
    assert await find(simulation, "replicate", lost(PICTURE, taken=frozenset({first}))) == Accepted(second)


async def test_what_was_made_at_another_time_is_not_it(simulation: Simulation) -> None:
    await lose(simulation, "replicate", PICTURE)
    later = datetime.now(UTC) + MINUTE
    trace = await find(simulation, "replicate", replace(lost(PICTURE), since=later, until=later + MINUTE))
    assert isinstance(trace, NoTrace)
    assert trace.answered


@pytest.mark.parametrize(("type_", "request_"), [("replicate", PICTURE), ("elevenlabs", SPEECH)])
async def test_without_knowing_what_was_asked_nothing_is_found(
    type_: str, request_: Request, simulation: Simulation
) -> None:
    await lose(simulation, type_, request_)
    trace = await find(simulation, type_, lost(request_, told=False))
    assert isinstance(trace, NoTrace)
    assert "changed since" in trace.message


@pytest.mark.parametrize(("type_", "request_"), [("replicate", PICTURE), ("elevenlabs", SPEECH)])
async def test_a_question_that_was_not_answered_proves_nothing(
    type_: str, request_: Request, simulation: Simulation
) -> None:
    await lose(simulation, type_, request_)
    await simulation.fault("status", status=503, match={"route": "poll"})
    trace = await find(simulation, type_, lost(request_))
    assert isinstance(trace, NoTrace)
    assert not trace.answered


async def test_elevenlabs_has_the_narration_in_its_history_with_its_audio(simulation: Simulation) -> None:
    await lose(simulation, "elevenlabs", replace(SPEECH, text="Something else."))
    await lose(simulation, "elevenlabs", SPEECH)
    _, item = await job_ids(simulation)
    async with asyncio.timeout(10):
        while isinstance(trace := await find(simulation, "elevenlabs", lost(SPEECH)), NoTrace):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the history holds it once it was spoken
    assert isinstance(trace, Done)
    assert trace.job_id == item
    output, provider = trace.result.output, simulation.provider("elevenlabs")
    assert isinstance(output, UrlOutput)
    assert output.authorized
    assert isinstance(provider, Authorizer)
    authorization = await provider.authorize(output.url)
    assert authorization is not None
    audio = await simulation.http.get(output.url, headers=dict(authorization.headers))
    assert audio.status_code == 200
    assert audio.headers["content-type"].startswith("audio/")
    assert await provider.authorize("https://elsewhere.example/v1/history/x/audio") is None


async def test_a_narration_that_is_not_logged_cannot_be_found(simulation: Simulation) -> None:
    quiet = replace(SPEECH, input={"enable_logging": False})
    await lose(simulation, "elevenlabs", quiet)
    await asyncio.sleep(0.3)
    assert isinstance(await find(simulation, "elevenlabs", lost(quiet)), NoTrace)
