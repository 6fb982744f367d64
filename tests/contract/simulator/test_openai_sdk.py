"""OpenAI's official client runs against the simulator, unpatched."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import av
import openai
import pytest
from PIL import Image

from support.simulator import Simulator

IMAGES, SPEECH = "gpt-image-2.5-flare", "gpt-4o-mini-tts"


def connected(simulator: Simulator, key: str = "sk-simulator", retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=f"{simulator.url}/openai/v1", max_retries=retries)


@pytest.fixture
def client(simulator: Simulator) -> Iterator[openai.OpenAI]:
    with connected(simulator) as client:
        yield client


def test_a_picture_comes_as_base64(client: openai.OpenAI, simulator: Simulator) -> None:
    made = client.images.generate(model=IMAGES, prompt="a small fox", size="1536x1024", output_format="jpeg")
    assert made.data is not None
    assert made.usage is not None
    assert (made.size, made.output_format) == ("1536x1024", "jpeg")
    picture = Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json or "")))
    assert picture.format == "JPEG"
    assert picture.width / picture.height == pytest.approx(1.5, abs=0.05)
    entry = simulator.ledger()[0]
    assert (entry["kind"], entry["model"], entry["charged"]) == ("image", IMAGES, "0.025")


def test_every_picture_is_charged(client: openai.OpenAI, simulator: Simulator) -> None:
    made = client.images.generate(model=IMAGES, prompt="a small fox", n=3)
    assert made.data is not None
    assert len({picture.b64_json for picture in made.data}) == 3
    assert simulator.ledger()[0]["charged"] == "0.075"


@pytest.mark.parametrize("codec", ["mp3", "opus", "aac", "flac"])
def test_speech_can_be_played(client: openai.OpenAI, simulator: Simulator, codec: str) -> None:
    spoken = client.audio.speech.create(
        model=SPEECH,
        voice="alloy",
        input="A small fox.",
        response_format=codec,  # type: ignore[arg-type]
    )
    with av.open(io.BytesIO(spoken.content)) as file:
        assert file.streams.audio[0].codec.name.startswith(codec)
    assert spoken.response.headers["x-request-id"].startswith("req_")
    assert simulator.ledger()[0]["text"] == "A small fox."


def test_a_custom_voice_has_an_id(client: openai.OpenAI) -> None:
    assert client.audio.speech.create(model=SPEECH, voice={"id": "voice_1"}, input="A fox.").content


def test_a_content_filter(client: openai.OpenAI, simulator: Simulator) -> None:
    simulator.script({"fault": "refuse", "message": "Your request was rejected by the safety system."})
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(model=IMAGES, prompt="a small fox")
    assert (refused.value.code, refused.value.type) == ("moderation_blocked", "image_generation_user_error")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (None, "requests"),
        ("insufficient_quota", "insufficient_quota"),
        ("credit_balance_exhausted", "insufficient_quota"),
        ("project_spend_limit_exceeded", "insufficient_quota"),
    ],
)
def test_both_families_of_429(client: openai.OpenAI, simulator: Simulator, code: str | None, kind: str) -> None:
    simulator.script({"fault": "status", "status": 429, "code": code, "retry_after": 7})
    with pytest.raises(openai.RateLimitError) as busy:
        client.images.generate(model=IMAGES, prompt="a small fox")
    assert (busy.value.code, busy.value.type) == (code or "rate_limit_exceeded", kind)
    assert busy.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"size": "huge"}, id="no size"),
        pytest.param({"n": 11}, id="too many"),
        pytest.param({"output_format": "tiff"}, id="an unknown format"),
        pytest.param({"extra_body": {"seed": 7}}, id="an unknown parameter"),
    ],
)
def test_impossible_pictures(client: openai.OpenAI, simulator: Simulator, wish: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.images.generate(model=IMAGES, prompt="a small fox", **wish)  # type: ignore[call-overload]
    assert simulator.ledger()[0]["job_id"] is None


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    with connected(simulator, "sk-stranger") as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.images.generate(model=IMAGES, prompt="a small fox")
    assert refused.value.code == "invalid_api_key"
    assert simulator.ledger()[0]["outcome"] == "rejected 401"


def test_this_client_buys_again_by_itself_and_so_is_not_used(simulator: Simulator) -> None:
    simulator.script({"fault": "accept-then-drop", "times": None})
    with connected(simulator, retries=2) as client, pytest.raises(openai.APIConnectionError):
        client.images.generate(model=IMAGES, prompt="a small fox")
    assert [entry["outcome"] for entry in simulator.ledger()] == ["dropped-after-accept"] * 3
