"""What is sent to Google's Text-to-Speech, and how its answers are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.outcome import BytesOutput, Done, FailureKind, JobPhase, Rejected, Result, Submission, Unknown
from storyjob.api.step import StepKind
from storyjob.providers.base import Request
from support.vendors import JOBS, REQUESTS, SECRET, Vendor, an_attempt, answering, connect

CHIRP = Request(StepKind.AUDIO, "chirp3-hd", "A small fox.", voice="en-US-Chirp3-HD-Charon")
SPOKEN = {"audioContent": base64.b64encode(b"ID3 sound").decode()}
K = FailureKind


async def submit(request: Request, vendor: Vendor) -> Submission:
    return await connect("google-tts", vendor).submit(request, an_attempt())


async def sent(request: Request) -> dict[str, Any]:
    vendor = answering(200, json=SPOKEN)
    assert isinstance(await submit(request, vendor), Done)
    (asked,) = vendor.asked
    assert asked.url == "https://texttospeech.googleapis.com/v1/text:synthesize"
    assert asked.headers["x-goog-api-key"] == SECRET
    body: dict[str, Any] = json.loads(asked.content)
    return body


async def test_a_voice_names_its_language_and_its_model() -> None:
    assert await sent(CHIRP) == {
        "input": {"text": "A small fox."},
        "voice": {"name": "en-US-Chirp3-HD-Charon", "languageCode": "en-US"},
        "audioConfig": {"audioEncoding": "MP3"},
    }


async def test_a_gemini_model_is_sent() -> None:
    body = await sent(REQUESTS["google-tts"])

    assert body["voice"] == {"name": "Kore", "modelName": "gemini-2.5-flash-tts", "languageCode": "en-US"}


@pytest.mark.parametrize("voice", ["cmn-CN-Wavenet-A", "sr-Latn-RS-Standard-A", "es-419-Neural2-A"])
async def test_languages_of_other_shapes(voice: str) -> None:
    body = await sent(replace(CHIRP, voice=voice))

    assert body["voice"]["languageCode"] == voice.rsplit("-", 2)[0]


async def test_inputs_are_merged_into_their_parts() -> None:
    wishes = {
        "input": {"prompt": "softly"},
        "voice": {"languageCode": "en-GB"},
        "audioConfig": {"audioEncoding": "OGG_OPUS", "speakingRate": 0.9},
        "advancedVoiceOptions": {"lowLatencyJourneySynthesis": True},
    }

    assert await sent(replace(CHIRP, input=wishes)) == {
        "input": {"text": "A small fox.", "prompt": "softly"},
        "voice": {"name": "en-US-Chirp3-HD-Charon", "languageCode": "en-GB"},
        "audioConfig": {"audioEncoding": "OGG_OPUS", "speakingRate": 0.9},
        "advancedVoiceOptions": {"lowLatencyJourneySynthesis": True},
    }


async def test_ssml_is_sent_as_such() -> None:
    body = await sent(replace(CHIRP, text="<speak>A <break/> fox.</speak>"))

    assert body["input"] == {"ssml": "<speak>A <break/> fox.</speak>"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"step": StepKind.IMAGE}, "image", id="no pictures here"),
        pytest.param({"voice": "Kore"}, "languageCode", id="a voice without a language"),
        pytest.param({"voice": None}, "languageCode", id="no voice"),
        pytest.param({"input": {"audioConfig": {"audioEncoding": "PCM"}}}, "MP3", id="sound without a container"),
        pytest.param({"input": {"audioConfig": {"audioEncoding": ["MP3"]}}}, "MP3", id="an encoding that is no word"),
        pytest.param({"input": {"voice": "Kore"}}, "input.voice", id="a part that is no object"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changes: dict[str, Any], named: str) -> None:
    vendor = answering(200, json=SPOKEN)

    outcome = await submit(replace(CHIRP, **changes), vendor)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is K.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [("MP3", "audio/mpeg"), ("LINEAR16", "audio/wav"), ("OGG_OPUS", "audio/ogg"), ("M4A", "audio/mp4")],
)
async def test_sound_comes_in_the_answer(encoding: str, content_type: str) -> None:
    request = replace(CHIRP, input={"audioConfig": {"audioEncoding": encoding}})

    outcome = await submit(request, answering(200, json=SPOKEN))

    assert outcome == Done(Result(BytesOutput(b"ID3 sound", content_type)))


@pytest.mark.parametrize("document", [{}, {"audioContent": ""}, {"audioContent": "???"}, {"audioContent": 7}])
async def test_a_success_without_sound_may_have_been_charged(document: dict[str, Any]) -> None:
    assert isinstance(await submit(CHIRP, answering(200, json=document)), Unknown)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        pytest.param(400, {"status": "INVALID_ARGUMENT"}, K.INVALID, id="bad request"),
        pytest.param(400, {"message": "prohibited content"}, K.REFUSED, id="refused"),
        pytest.param(400, {"details": [{"reason": "API_KEY_INVALID"}]}, K.UNAUTHORIZED, id="a bad key is a 400"),
        pytest.param(401, {"status": "UNAUTHENTICATED"}, K.UNAUTHORIZED, id="a bad token"),
        pytest.param(403, {"details": [{"reason": "BILLING_DISABLED"}]}, K.QUOTA, id="nobody pays"),
        pytest.param(429, {"status": "RESOURCE_EXHAUSTED"}, K.THROTTLED, id="throttled"),
        pytest.param(500, {"status": "INTERNAL"}, None, id="a 500"),
        pytest.param(503, {"status": "UNAVAILABLE"}, None, id="a 503, which is not documented to take nothing"),
    ],
)
async def test_why_it_said_no(status: int, error: dict[str, Any], kind: FailureKind | None) -> None:
    outcome = await submit(CHIRP, answering(status, json={"error": error}))

    if kind is None:
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Rejected)
        assert outcome.failure.kind is kind


async def test_there_is_no_job_to_ask_about_or_cancel() -> None:
    vendor = answering(500)
    provider = connect("google-tts", vendor)

    seen = await provider.observe(JOBS["google-tts"])
    await provider.cancel(JOBS["google-tts"])

    assert seen.phase is JobPhase.GONE
    assert vendor.asked == []
