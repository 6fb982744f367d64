"""What is sent to ElevenLabs, and how its answers are read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.outcome import Alignment, BytesOutput, Done, FailureKind, JobPhase, Rejected, Result, Unknown
from storyjob.api.step import StepKind
from support.vendors import JOBS, REQUESTS, SECRET, an_attempt, answering, connect

REQUEST = REQUESTS["elevenlabs"]
AUDIO = b"ID3 some sound"
ENCODED = base64.b64encode(AUDIO).decode()
TIMES = {
    "characters": ["H", "i"],
    "character_start_times_seconds": [0, 0.5],
    "character_end_times_seconds": [0.5, 1.0],
}
ALIGNMENT = Alignment(("H", "i"), (0.0, 0.5), (0.5, 1.0))


async def test_the_text_is_spoken_while_we_wait() -> None:
    vendor = answering(200, json={"audio_base64": ENCODED, "alignment": TIMES}, headers={"request-id": "req-1"})

    outcome = await connect("elevenlabs", vendor).submit(replace(REQUEST, seed=7), an_attempt())

    assert outcome == Done(Result(BytesOutput(AUDIO, "audio/mpeg"), alignment=ALIGNMENT), job_id="req-1")
    (asked,) = vendor.asked
    assert asked.url == ("https://api.elevenlabs.io/v1/text-to-speech/aria/with-timestamps?output_format=mp3_44100_128")
    assert asked.headers["xi-api-key"] == SECRET
    assert json.loads(asked.content) == {"text": "A small fox.", "model_id": "eleven_multilingual_v2", "seed": 7}


async def test_inputs_go_where_they_belong() -> None:
    vendor = answering(200, json={"audio_base64": ENCODED})
    wishes = {"output_format": "opus_48000_32", "enable_logging": False, "voice_settings": {"speed": 0.9}, "seed": 1}

    outcome = await connect("elevenlabs", vendor).submit(replace(REQUEST, seed=7, input=wishes), an_attempt())

    assert isinstance(outcome, Done)
    assert outcome.result.output == BytesOutput(AUDIO, "audio/ogg")
    assert dict(vendor.asked[0].url.params) == {"output_format": "opus_48000_32", "enable_logging": "false"}
    body = json.loads(vendor.asked[0].content)
    assert body == {
        "text": "A small fox.",
        "model_id": "eleven_multilingual_v2",
        "voice_settings": {"speed": 0.9},
        "seed": 1,
    }


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        pytest.param({"after": ("r1", "r2")}, ["r1", "r2"], id="what comes before is named"),
        pytest.param({"after": ("r1", "r2", "r3", "r4")}, ["r2", "r3", "r4"], id="the last three at most"),
        pytest.param({"after": ("r1", "no id")}, ["r1"], id="nothing that is no id"),
        pytest.param({"after": ()}, None, id="nothing comes before"),
        pytest.param({"after": ("r1",), "model": "eleven_v3"}, None, id="a model that refuses it"),
        pytest.param({"after": ("r1",), "input": {"enable_logging": False}}, None, id="nothing is kept of requests"),
        pytest.param({"after": ("r1",), "input": {"previous_request_ids": ["x"]}}, ["x"], id="the user's own word"),
    ],
)
async def test_a_narration_goes_on_from_those_before_it(changes: dict[str, Any], sent: list[str] | None) -> None:
    vendor = answering(200, json={"audio_base64": ENCODED})

    await connect("elevenlabs", vendor).submit(replace(REQUEST, **changes), an_attempt())

    assert json.loads(vendor.asked[0].content).get("previous_request_ids") == sent


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"voice": None}, "audio.voice", id="no voice"),
        pytest.param({"voice": "../../v1/voices"}, "audio.voice", id="a voice that bends the path"),
        pytest.param({"voice": "Aria Smith"}, "audio.voice", id="a name instead of an id"),
        pytest.param({"input": {"output_format": "pcm_44100"}}, "output_format", id="raw sound has no container"),
        pytest.param({"input": {"output_format": None}}, "output_format", id="no format"),
        pytest.param({"step": StepKind.IMAGE}, "image", id="no pictures here"),
    ],
)
async def test_what_cannot_work_is_refused_unsent(changes: dict[str, Any], named: str) -> None:
    vendor = answering(200, json={})

    outcome = await connect("elevenlabs", vendor).submit(replace(REQUEST, **changes), an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is FailureKind.INVALID
    assert named in outcome.failure.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("status", "code", "kind", "remedy"),
    [
        pytest.param(429, "too_many_concurrent_requests", FailureKind.THROTTLED, "limits.concurrent", id="own limit"),
        pytest.param(429, "system_busy", FailureKind.THROTTLED, "system_busy", id="busy"),
        pytest.param(429, "new_word", FailureKind.THROTTLED, "why", id="a 429 nobody knows"),
        pytest.param(401, "quota_exceeded", FailureKind.QUOTA, "credits", id="no credits left, called a 401"),
        pytest.param(429, "quota_exceeded", FailureKind.QUOTA, "credits", id="no credits left, called a 429"),
        pytest.param(401, "invalid_api_key", FailureKind.UNAUTHORIZED, "Secret", id="bad key"),
        pytest.param(400, "invalid_api_key", FailureKind.UNAUTHORIZED, "Secret", id="bad key, called a 400"),
        pytest.param(400, "voice_not_found", FailureKind.INVALID, "audio.voice", id="no such voice"),
        pytest.param(401, "voice_not_found", FailureKind.INVALID, "audio.voice", id="no such voice, called a 401"),
        pytest.param(400, "max_character_limit_exceeded", FailureKind.INVALID, "shorten audio.text", id="too long"),
        pytest.param(400, "content_against_policy", FailureKind.REFUSED, "change audio.text", id="filtered"),
    ],
)
@pytest.mark.parametrize("key", ["status", "code"])
async def test_why_it_said_no(status: int, code: str, key: str, kind: FailureKind, remedy: str) -> None:
    vendor = answering(status, json={"detail": {key: code, "message": "why"}})

    outcome = await connect("elevenlabs", vendor).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.kind is kind
    assert remedy in outcome.failure.message


async def test_a_known_word_in_a_500_does_not_prove_that_nothing_was_made() -> None:
    vendor = answering(500, json={"detail": {"status": "system_busy", "message": "why"}})

    assert isinstance(await connect("elevenlabs", vendor).submit(REQUEST, an_attempt()), Unknown)


async def test_a_list_of_faults_is_shown() -> None:
    vendor = answering(422, json={"detail": [{"loc": ["body", "seed"], "msg": "too large"}]})

    outcome = await connect("elevenlabs", vendor).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Rejected)
    assert "too large" in outcome.failure.message


@pytest.mark.parametrize(
    "alignment",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="a list"),
        pytest.param({}, id="empty"),
        pytest.param({**TIMES, "characters": ["H"]}, id="lengths differ"),
        pytest.param({**TIMES, "characters": ["H", 1]}, id="a number for a letter"),
        pytest.param({**TIMES, "character_end_times_seconds": [0.5, "1"]}, id="a word for a number"),
        pytest.param({**TIMES, "character_end_times_seconds": [0.5, True]}, id="a truth for a number"),
        pytest.param({**TIMES, "character_end_times_seconds": [0.5, -1]}, id="before the start"),
        pytest.param({**TIMES, "character_end_times_seconds": [0.5, 10**400]}, id="beyond all numbers"),
    ],
)
async def test_audio_without_a_usable_alignment_is_kept(alignment: Any) -> None:
    vendor = answering(200, json={"audio_base64": ENCODED, "alignment": alignment})

    outcome = await connect("elevenlabs", vendor).submit(REQUEST, an_attempt())

    assert outcome == Done(Result(BytesOutput(AUDIO, "audio/mpeg")))


async def test_an_infinite_time_is_no_time() -> None:
    body = json.dumps({"audio_base64": ENCODED, "alignment": {**TIMES, "character_end_times_seconds": [0, 1e999]}})

    outcome = await connect("elevenlabs", answering(200, content=body)).submit(REQUEST, an_attempt())

    assert outcome == Done(Result(BytesOutput(AUDIO, "audio/mpeg")))


async def test_the_normalized_alignment_is_second_best() -> None:
    vendor = answering(200, json={"audio_base64": ENCODED, "alignment": None, "normalized_alignment": TIMES})

    outcome = await connect("elevenlabs", vendor).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Done)
    assert outcome.result.alignment == ALIGNMENT


async def test_an_odd_request_id_is_dropped_but_not_the_audio() -> None:
    vendor = answering(200, json={"audio_base64": ENCODED}, headers={"request-id": "../x y"})

    outcome = await connect("elevenlabs", vendor).submit(REQUEST, an_attempt())

    assert isinstance(outcome, Done)
    assert outcome.job_id is None


async def test_there_is_nothing_to_observe_or_to_cancel() -> None:
    vendor = answering(500)
    provider = connect("elevenlabs", vendor)

    seen = await provider.observe(JOBS["elevenlabs"])
    await provider.cancel(JOBS["elevenlabs"])

    assert seen.phase is JobPhase.GONE
    assert vendor.asked == []
