"""Google's official client speaks on the simulator over its REST transport, unpatched."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import RefreshError
from google.cloud import texttospeech
from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechRestTransport
from google.oauth2.credentials import Credentials

from support.simulator import Simulator

TEXT = "A small fox looked up at the moon."


def connected(simulator: Simulator, token: str = "ya29.simulator") -> texttospeech.TextToSpeechClient:
    credentials = Credentials(token=token)  # type: ignore[no-untyped-call]
    transport = TextToSpeechRestTransport(host=f"{simulator.url}/google-tts", credentials=credentials)
    return texttospeech.TextToSpeechClient(transport=transport)


@pytest.fixture
def client(simulator: Simulator) -> texttospeech.TextToSpeechClient:
    return connected(simulator)


def speak(
    client: texttospeech.TextToSpeechClient,
    encoding: str = "MP3",
    text: str = TEXT,
    retry: Retry | None = None,
    **voice: Any,
) -> bytes:
    answer = client.synthesize_speech(
        input=texttospeech.SynthesisInput(text=text),
        voice=texttospeech.VoiceSelectionParams(**{"language_code": "en-US", **voice}),
        audio_config=texttospeech.AudioConfig(audio_encoding=texttospeech.AudioEncoding[encoding]),
        retry=retry,
    )
    audio: bytes = answer.audio_content
    return audio


@pytest.mark.parametrize(
    ("encoding", "codec"), [("MP3", "mp3"), ("LINEAR16", "pcm_s16le"), ("OGG_OPUS", "opus"), ("M4A", "aac")]
)
def test_speech_can_be_played(
    client: texttospeech.TextToSpeechClient, simulator: Simulator, encoding: str, codec: str
) -> None:
    with av.open(io.BytesIO(speak(client, encoding))) as file:
        assert file.streams.audio[0].codec.name.startswith(codec)
    entry = simulator.ledger()[0]
    assert (entry["kind"], entry["text"], entry["outcome"], entry["charged"]) == ("audio", TEXT, "accepted", "0.00102")


def test_a_gemini_model_is_written_down(client: texttospeech.TextToSpeechClient, simulator: Simulator) -> None:
    assert speak(client, name="Kore", model_name="gemini-2.5-flash-tts")
    assert simulator.ledger()[0]["model"] == "gemini-2.5-flash-tts"


def test_voices_are_listed(client: texttospeech.TextToSpeechClient) -> None:
    assert "en-US-Chirp3-HD-Charon" in [voice.name for voice in client.list_voices().voices]


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        pytest.param("", {}, id="nothing to say"),
        pytest.param("x" * 5001, {}, id="too long"),
        pytest.param(TEXT, {"language_code": ""}, id="no language"),
    ],
)
def test_impossible_requests(
    client: texttospeech.TextToSpeechClient, simulator: Simulator, text: str, voice: dict[str, str]
) -> None:
    with pytest.raises(exceptions.BadRequest):
        speak(client, text=text, **voice)
    assert simulator.ledger()[0]["job_id"] is None


def test_exhausted_quota(client: texttospeech.TextToSpeechClient, simulator: Simulator) -> None:
    simulator.script({"fault": "status", "status": 429})
    with pytest.raises(exceptions.TooManyRequests):
        speak(client)


def test_a_wrong_token_is_refused(simulator: Simulator) -> None:
    # google-auth answers a 401 by asking for another token, which these credentials cannot.
    with pytest.raises(RefreshError):
        speak(connected(simulator, "stranger"))
    assert simulator.ledger()[0]["outcome"] == "rejected 401"
