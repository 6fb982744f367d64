"""What is sent to OpenAI, and how its answers are read."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from storyjob.api.outcome import (
    BytesOutput,
    Done,
    FailureKind,
    JobPhase,
    Rejected,
    Result,
    Submission,
    Unknown,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendors import JOBS, REQUESTS, SECRET, STILL, TOKEN, Vendor, an_attempt, answering, connect

PICTURE = REQUESTS["openai"]
SPEECH = Request(StepKind.AUDIO, "gpt-4o-mini-tts", "A small fox.", voice="alloy")
PNG = b"\x89PNG picture"
K = FailureKind


def picture(**more: Any) -> dict[str, Any]:
    return {"created": 1, "data": [{"b64_json": base64.b64encode(PNG).decode()}, {"b64_json": "???"}], **more}


def audio(content: bytes = b"ID3 sound", content_type: str = "audio/mpeg", **more: str) -> Vendor:
    return answering(200, content=content, headers={"content-type": content_type, **more})


async def sent(request: Request, vendor: Vendor) -> tuple[httpx.Request, dict[str, Any]]:
    assert isinstance(await connect("openai", vendor).submit(request, an_attempt()), Done)
    (only,) = vendor.asked
    return only, json.loads(only.content)


async def submit(request: Request, vendor: Vendor) -> Submission:
    return await connect("openai", vendor).submit(request, an_attempt())


async def test_a_picture_takes_no_seed_and_is_one() -> None:
    request, body = await sent(replace(PICTURE, seed=7), answering(200, json=picture()))

    assert request.url == "https://api.openai.com/v1/images/generations"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert body == {"model": "gpt-image-2.5-flare", "prompt": "a small fox", "n": 1}


async def test_an_attempt_is_named_in_openais_logs_without_its_token() -> None:
    request, _ = await sent(PICTURE, answering(200, json=picture()))

    assert request.headers["x-client-request-id"] == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert TOKEN not in str(request.headers) + request.content.decode()


async def test_inputs_win() -> None:
    wishes = {"size": "1536x1024", "quality": "high", "n": 2}

    _, body = await sent(replace(PICTURE, input=wishes), answering(200, json=picture()))

    assert body == {"model": "gpt-image-2.5-flare", "prompt": "a small fox", **wishes}


@pytest.mark.parametrize(
    ("voice", "wishes", "spoken_by"),
    [
        pytest.param("alloy", {}, "alloy", id="a built-in voice"),
        pytest.param("voice_1234", {}, {"id": "voice_1234"}, id="a custom voice"),
        pytest.param(None, {"voice": {"id": "voice_9"}}, {"id": "voice_9"}, id="a voice among the inputs"),
    ],
)
async def test_words_are_spoken(voice: str | None, wishes: dict[str, Any], spoken_by: object) -> None:
    request, body = await sent(replace(SPEECH, voice=voice, input={"speed": 1.1, **wishes}), audio())

    assert request.url == "https://api.openai.com/v1/audio/speech"
    assert body == {
        "model": "gpt-4o-mini-tts",
        "input": "A small fox.",
        "voice": spoken_by,
        "response_format": "mp3",
        "speed": 1.1,
    }


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        pytest.param(replace(PICTURE, step=StepKind.VIDEO), "video", id="no clips here"),
        pytest.param(replace(PICTURE, image=STILL), "prompt only", id="a picture to start from"),
        pytest.param(replace(PICTURE, input={"stream": True}), "input.stream", id="a stream of events"),
        pytest.param(replace(PICTURE, input={"partial_images": 2}), "partial_images", id="pictures half done"),
        pytest.param(replace(PICTURE, input={"output_format": "svg"}), "png, jpeg, webp", id="no raster picture"),
        pytest.param(replace(PICTURE, input={"output_format": ["png"]}), "png", id="a format that is no word"),
        pytest.param(replace(PICTURE, input={"seed": float("nan")}), "JSON", id="not a number"),
        pytest.param(replace(SPEECH, voice=None), "audio.voice", id="no voice"),
        pytest.param(replace(SPEECH, input={"response_format": "pcm"}), "mp3", id="sound without a container"),
        pytest.param(replace(SPEECH, input={"stream_format": "sse"}), "stream_format", id="sound as events"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(request_: Request, named: str) -> None:
    vendor = answering(200, json=picture())

    outcome = await submit(request_, vendor)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("wanted", "content_type"), [(None, "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")]
)
async def test_a_picture_comes_in_the_answer(wanted: str | None, content_type: str) -> None:
    vendor = answering(200, json=picture(), headers={"x-request-id": "req_1"})
    request = replace(PICTURE, input={"output_format": wanted} if wanted else {})

    assert await submit(request, vendor) == Done(Result(BytesOutput(PNG, content_type)), "req_1")


async def test_a_compatible_server_may_answer_with_a_link() -> None:
    vendor = answering(200, json={"data": [{"url": "https://files.example.com/1.png"}]})

    assert await submit(PICTURE, vendor) == Done(Result(UrlOutput("https://files.example.com/1.png")))


@pytest.mark.parametrize(
    ("wanted", "content_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("aac", "audio/aac"), ("flac", "audio/flac"), ("wav", "audio/wav")],
)
async def test_speech_is_the_answer_itself(wanted: str, content_type: str) -> None:
    outcome = await submit(replace(SPEECH, input={"response_format": wanted}), audio(**{"x-request-id": "../x"}))

    assert outcome == Done(Result(BytesOutput(b"ID3 sound", content_type)), None)


@pytest.mark.parametrize(
    ("request_", "vendor"),
    [
        pytest.param(PICTURE, answering(200, json={"data": []}), id="no picture"),
        pytest.param(PICTURE, answering(200, json={"data": [{"b64_json": "???"}]}), id="a garbled picture"),
        pytest.param(PICTURE, answering(200, json={"data": [{"url": "file:///etc/passwd"}]}), id="a file of ours"),
        pytest.param(PICTURE, answering(200, json={"data": 7}), id="an odd document"),
        pytest.param(SPEECH, audio(b""), id="no sound"),
        pytest.param(SPEECH, audio(b"<html>", "text/html"), id="a proxy's page"),
        pytest.param(SPEECH, answering(200, json={"text": "hello"}), id="JSON for sound"),
        pytest.param(SPEECH, audio(b" " * (41 * 2**20)), id="more than is taken"),
    ],
)
async def test_a_success_that_cannot_be_read_may_have_been_charged(request_: Request, vendor: Vendor) -> None:
    assert isinstance(await submit(request_, vendor), Unknown)


def problem(code: str | None = None, message: str = "why", kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


TABLE = [
    pytest.param(400, problem("invalid_value"), K.INVALID, id="bad input"),
    pytest.param(400, problem("moderation_blocked"), K.REFUSED, id="refused by its code"),
    pytest.param(400, problem("content_policy_violation"), K.REFUSED, id="refused by its older code"),
    pytest.param(
        400,
        problem(None, "Your request was rejected as a result of our safety system."),
        K.REFUSED,
        id="refused in words",
    ),
    pytest.param(400, problem("billing_hard_limit_reached"), K.QUOTA, id="the hard limit is a 400"),
    pytest.param(401, problem("invalid_api_key"), K.UNAUTHORIZED, id="a wrong key"),
    pytest.param(403, problem("unsupported_country_region_territory"), K.UNAUTHORIZED, id="no right"),
    pytest.param(404, problem("model_not_found"), K.INVALID, id="no such model"),
    pytest.param(409, problem(), K.INVALID, id="a conflict"),
    pytest.param(422, problem(), K.INVALID, id="unprocessable"),
    pytest.param(429, problem("rate_limit_exceeded", kind="requests"), K.THROTTLED, id="too fast"),
    pytest.param(429, problem("insufficient_quota", kind="insufficient_quota"), K.QUOTA, id="no money"),
    pytest.param(429, problem("credit_balance_exhausted", kind="insufficient_quota"), K.QUOTA, id="no credits"),
    pytest.param(429, problem("project_spend_limit_exceeded"), K.QUOTA, id="the project's limit"),
    pytest.param(429, problem("a_new_limit", kind="insufficient_quota"), K.QUOTA, id="a new code of the known type"),
    pytest.param(429, {"error": "odd"}, K.THROTTLED, id="an odd document"),
    pytest.param(499, problem(), None, id="the client went away"),
    pytest.param(500, problem("insufficient_quota"), None, id="a 500 is never a no"),
    pytest.param(503, problem(None, "The engine is currently overloaded"), None, id="overloaded, maybe at work"),
]


@pytest.mark.parametrize("request_", [pytest.param(PICTURE, id="picture"), pytest.param(SPEECH, id="speech")])
@pytest.mark.parametrize(("status", "document", "kind"), TABLE)
async def test_why_it_said_no(
    status: int, document: dict[str, Any], kind: FailureKind | None, request_: Request
) -> None:
    outcome = await submit(request_, answering(status, json=document))

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


async def test_the_wait_is_read_from_the_words() -> None:
    words = "Rate limit reached for gpt-image in organization org-1. Please try again in 12s."

    outcome = await submit(PICTURE, answering(429, json=problem("rate_limit_exceeded", words)))

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry_after == 12.0


async def test_a_quota_is_told_with_its_remedy_and_no_key() -> None:
    words = f"You exceeded your current quota. Key sk-proj-0123456789abcdefXYZ and {SECRET}"

    outcome = await submit(PICTURE, answering(429, json=problem("insufficient_quota", words)))

    assert isinstance(outcome, Rejected)
    assert "add credits" in outcome.failure.message
    assert SECRET not in outcome.failure.message
    assert "0123456789" not in outcome.failure.message


async def test_there_is_no_job_to_ask_about_or_cancel() -> None:
    vendor = answering(500)
    provider = connect("openai", vendor)

    seen = await provider.observe(JOBS["openai"])
    await provider.cancel(JOBS["openai"])

    assert seen.phase is JobPhase.GONE
    assert vendor.asked == []
