"""ElevenLabs' official client runs against the simulator, unpatched."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import av
import httpx
import pytest
from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError

from storyjob.simulator.settings import MediaMode, Settings
from support.simulator import Simulator, eventually, running_simulator

TEXT = "A small fox looked up at the moon."


@contextmanager
def connected(simulator: Simulator, key: str = "sk_simulator") -> Iterator[ElevenLabs]:
    # A client of httpx of our own, since the SDK never closes its own.
    with httpx.Client() as http:
        yield ElevenLabs(api_key=key, base_url=f"{simulator.url}/elevenlabs", httpx_client=http)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[ElevenLabs]:
    with connected(simulator) as client:
        yield client


def test_convert_delivers_mp3(client: ElevenLabs, simulator: Simulator) -> None:
    with client.text_to_speech.with_raw_response.convert("aria", text=TEXT) as answer:
        audio = b"".join(answer.data)
        assert answer.headers["request-id"]
        assert answer.headers["character-cost"] == str(len(TEXT))
        assert answer.headers["maximum-concurrent-requests"] == "2"
    with av.open(io.BytesIO(audio)) as file:
        assert file.streams.audio[0].codec.name in ("mp3", "mp3float")
    entry = simulator.ledger()[0]
    assert (entry["kind"], entry["text"], entry["outcome"], entry["charged"]) == ("audio", TEXT, "accepted", "0.00102")


def test_timestamps_cover_every_character(client: ElevenLabs) -> None:
    spoken = client.text_to_speech.convert_with_timestamps("aria", text=TEXT)
    alignment = spoken.alignment
    assert alignment is not None
    assert "".join(alignment.characters) == TEXT
    starts, ends = alignment.character_start_times_seconds, alignment.character_end_times_seconds
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert ends[:-1] == starts[1:]


def test_history_finds_what_was_spoken(client: ElevenLabs) -> None:
    audio = b"".join(client.text_to_speech.convert("george", text="Once more, with feeling."))
    item = client.history.list(page_size=1, voice_id="george").history[0]
    assert (item.text, item.source, item.model_id) == ("Once more, with feeling.", "TTS", "eleven_multilingual_v2")
    assert b"".join(client.history.get_audio(item.history_item_id)) == audio
    assert client.history.get(item.history_item_id).request_id == item.request_id


def test_history_keeps_nothing_when_logging_is_off(client: ElevenLabs) -> None:
    b"".join(client.text_to_speech.convert("mute", text="Forget me.", enable_logging=False))
    assert client.history.list(voice_id="mute").history == []


def test_voices_are_listed(client: ElevenLabs) -> None:
    assert "Aria" in [voice.name for voice in client.voices.get_all().voices]


@pytest.mark.parametrize("code", ["system_busy", "too_many_concurrent_requests"])
def test_both_kinds_of_429(client: ElevenLabs, simulator: Simulator, code: str) -> None:
    simulator.script({"fault": "status", "status": 429, "code": code})
    with pytest.raises(ApiError) as busy:
        b"".join(client.text_to_speech.convert("aria", text=TEXT))
    assert busy.value.status_code == 429
    assert busy.value.body["detail"]["status"] == code
    assert simulator.ledger()[0]["outcome"] == "rejected 429"


def test_more_at_once_than_the_plan_allows() -> None:
    settings = Settings(media=MediaMode.SMALL, speech_seconds=1.5, speech_concurrency=1)
    with running_simulator(settings) as slow, connected(slow) as one:
        first = threading.Thread(target=lambda: b"".join(one.text_to_speech.convert("aria", text=TEXT)))
        first.start()
        eventually(lambda: [entry["state"] for entry in slow.ledger()] in (["queued"], ["running"]))
        with pytest.raises(ApiError) as busy:
            b"".join(one.text_to_speech.convert("aria", text=TEXT))
        first.join()
    assert busy.value.body["detail"]["status"] == "too_many_concurrent_requests"


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    with connected(simulator, "sk_stranger") as stranger, pytest.raises(ApiError) as refused:
        b"".join(stranger.text_to_speech.convert("aria", text=TEXT))
    assert (refused.value.status_code, refused.value.body["detail"]["status"]) == (401, "invalid_api_key")
    assert simulator.ledger()[0]["outcome"] == "rejected 401"


@pytest.mark.parametrize(
    ("voice", "text", "status"),
    [
        pytest.param("aria", "", 422, id="nothing to say"),
        pytest.param("no such voice!", TEXT, 404, id="impossible voice"),
        pytest.param("aria", "x" * 10_001, 400, id="too long"),
    ],
)
def test_impossible_requests(client: ElevenLabs, voice: str, text: str, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        b"".join(client.text_to_speech.convert(voice, text=text))
    assert refused.value.status_code == status


@pytest.mark.parametrize("output_format", ["flac_44100", "mp3_1_2", "noise"])
def test_impossible_formats(client: ElevenLabs, output_format: str) -> None:
    with pytest.raises(ApiError) as refused:
        b"".join(client.text_to_speech.convert("aria", text=TEXT, output_format=output_format))
    assert refused.value.status_code == 422
