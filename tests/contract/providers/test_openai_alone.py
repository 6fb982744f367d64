"""What only OpenAI does, tried on the simulator: speech whose bytes are the answer, and quotas that look like waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storyjob.api.outcome import BytesOutput, Done, FailureKind, Rejected, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendor_world import ATTEMPT, Simulation
from support.vendors import REQUESTS

SPEECH = Request(StepKind.AUDIO, "gpt-4o-mini-tts", "A small fox.", voice="alloy")


@pytest.mark.parametrize(
    ("wanted", "magic"), [("mp3", b"ID3"), ("opus", b"OggS"), ("aac", b"\xff\xf1"), ("flac", b"fLaC"), ("wav", b"RIFF")]
)
async def test_every_format_of_speech(simulation: Simulation, wanted: str, magic: bytes) -> None:
    request = replace(SPEECH, input={"response_format": wanted})

    outcome = await simulation.provider("openai").submit(request, ATTEMPT)

    assert isinstance(outcome, Done)
    assert isinstance(outcome.result.output, BytesOutput)
    assert outcome.result.output.data.startswith(magic)
    (entry,) = await simulation.ledger()
    assert (entry["kind"], entry["text"], entry["outcome"]) == ("audio", SPEECH.text, "accepted")


@pytest.mark.parametrize(
    ("fault", "bought"),
    [("drop", 0), ("accept-then-drop", 1), ("accept-then-500", 1), ("not-json", 1), ("huge-body", 1)],
)
async def test_lost_speech_is_unknown_and_asked_for_once(simulation: Simulation, fault: str, bought: int) -> None:
    await simulation.fault(fault)

    outcome = await simulation.provider("openai").submit(SPEECH, ATTEMPT)

    assert isinstance(outcome, Unknown), outcome
    assert len(await simulation.ledger()) == 1
    assert await simulation.bought() == bought


@pytest.mark.parametrize("code", ["insufficient_quota", "organization_usage_limit_exceeded"])
async def test_a_429_about_money_does_not_pass(simulation: Simulation, code: str) -> None:
    await simulation.fault("status", status=429, code=code, message="You exceeded your current quota.")

    outcome = await simulation.provider("openai").submit(REQUESTS["openai"], ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.QUOTA
    assert outcome.failure.retry_after is None


async def test_a_parameter_openai_does_not_know_is_told(simulation: Simulation) -> None:
    request = replace(REQUESTS["openai"], input={"seed": 7})

    outcome = await simulation.provider("openai").submit(request, ATTEMPT)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert "seed" in outcome.failure.message
    assert await simulation.bought() == 0
