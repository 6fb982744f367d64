"""What only ElevenLabs does, tried on the simulator: the alignment, and its own limit of calls at once."""

from __future__ import annotations

import asyncio

from storyjob.api.outcome import BytesOutput, Done, FailureKind, Rejected
from support.vendor_world import ATTEMPT, Simulation
from support.vendors import REQUESTS

REQUEST = REQUESTS["elevenlabs"]


async def test_a_narration_comes_with_the_time_of_each_letter(simulation: Simulation) -> None:
    outcome = await simulation.provider("elevenlabs").submit(REQUEST, ATTEMPT)

    assert isinstance(outcome, Done)
    assert outcome.job_id
    assert isinstance(outcome.result.output, BytesOutput)
    assert outcome.result.output.content_type == "audio/mpeg"
    alignment = outcome.result.alignment
    assert alignment is not None
    assert "".join(alignment.characters) == REQUEST.text
    assert list(alignment.starts) == sorted(alignment.starts)
    assert alignment.ends[-1] > 0


async def test_one_call_more_than_the_plan_allows_at_once(simulation: Simulation) -> None:
    provider = simulation.provider("elevenlabs")
    await simulation.fault("never-finish", times=None)
    speaking = [asyncio.create_task(provider.submit(REQUEST, ATTEMPT)) for _ in range(5)]
    async with asyncio.timeout(30):
        while True:
            if await simulation.bought() == 5:
                break
            await asyncio.sleep(0.02)

    refused = await provider.submit(REQUEST, ATTEMPT)

    for call in speaking:
        call.cancel()
    assert isinstance(refused, Rejected)
    assert refused.failure.kind is FailureKind.THROTTLED
    assert "limits.concurrent" in refused.failure.message
    assert await simulation.bought() == 5
