"""What the simulator delivers is real media of the right shape and length, as a client downloads it."""

from __future__ import annotations

import base64
import io
from array import array
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from storyjob.simulator.settings import Settings
from support.simulator import Simulator, running_simulator

AUTH = {"Authorization": "Bearer r8_simulator", "Prefer": "wait"}


@pytest.fixture(scope="module")
def real() -> Iterator[Simulator]:
    with running_simulator(Settings(speed=50)) as simulator:
        yield simulator


def replicate(simulator: Simulator, model: str, **given: Any) -> httpx.Response:
    url = f"/replicate/v1/models/{model}/predictions"
    output = simulator.http.post(url, headers=AUTH, json={"input": given}).json()["output"]
    answer = simulator.http.get(output if isinstance(output, str) else output[0])
    assert answer.status_code == 200
    return answer


def narrate(simulator: Simulator, text: str, **query: str) -> httpx.Response:
    url = "/elevenlabs/v1/text-to-speech/aria"
    return simulator.http.post(url, headers={"xi-api-key": "sk_simulator"}, json={"text": text}, params=query)


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return how far two pictures are apart on average, 0 to 255."""
    return float(sum(ImageStat.Stat(ImageChops.difference(one, other.resize(one.size))).mean)) / 3


def seconds(data: bytes) -> float:
    with av.open(io.BytesIO(data), "r") as file:
        return float(sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0)))


@pytest.mark.parametrize(
    ("given", "size", "format"),
    [
        pytest.param({}, (1024, 1024), "WEBP", id="a square without more words"),
        pytest.param({"aspect_ratio": "16:9", "output_format": "png"}, (1344, 768), "PNG", id="an aspect ratio"),
        pytest.param({"width": 320, "height": 200, "output_format": "jpg"}, (320, 200), "JPEG", id="a size"),
    ],
)
def test_pictures_have_the_wanted_size_and_format(
    real: Simulator, given: dict[str, Any], size: tuple[int, int], format: str
) -> None:
    with Image.open(
        io.BytesIO(replicate(real, "black-forest-labs/flux-dev", prompt="a fox", **given).content)
    ) as image:
        assert (image.size, image.format) == (size, format)


def test_prompt_and_seed_decide_the_picture(real: Simulator) -> None:
    small = {"width": 320, "height": 180, "output_format": "png"}

    def paint(prompt: str, seed: int) -> bytes:
        return replicate(real, "black-forest-labs/flux-dev", prompt=prompt, seed=seed, **small).content

    first, again, other_seed, other = paint("a fox", 1), paint("a fox", 1), paint("a fox", 2), paint("a lake", 1)
    assert difference(picture(first), picture(again)) == 0
    assert first != again, "two jobs never deliver the same bytes"
    assert difference(picture(first), picture(other_seed)) > 5
    assert difference(picture(first), picture(other)) > 5


def test_speech_lasts_as_long_as_its_alignment(real: Simulator) -> None:
    url = "/elevenlabs/v1/text-to-speech/aria/with-timestamps"
    text = "A small fox looked up — and the moon looked back."
    answer = real.http.post(url, headers={"xi-api-key": "sk_simulator"}, json={"text": text}).json()
    length = seconds(base64.b64decode(answer["audio_base64"]))
    assert 2 < length < 6
    assert answer["alignment"]["character_end_times_seconds"][-1] == pytest.approx(length, abs=0.1)
    assert "".join(answer["alignment"]["characters"]) == text


def test_speech_is_loud_and_longer_for_more_words(real: Simulator) -> None:
    pcm = {"output_format": "pcm_22050"}
    short, long = (narrate(real, text, **pcm).content for text in ("Moon.", "The moon looked back for a long time."))
    assert len(long) > 2 * len(short)
    assert max(abs(sample) for sample in array("h", long)) > 2_000


@pytest.mark.parametrize(
    ("format", "codec", "rate"),
    [
        pytest.param("mp3_44100_128", "mp3float", 44100, id="mp3"),
        pytest.param("opus_48000_64", "opus", 48000, id="opus"),
        pytest.param("wav_16000", "pcm_s16le", 16000, id="wav"),
    ],
)
def test_speech_comes_in_the_wanted_format(real: Simulator, format: str, codec: str, rate: int) -> None:
    with av.open(io.BytesIO(narrate(real, "Moon.", output_format=format).content)) as file:
        stream = file.streams.audio[0]
        assert (stream.codec.name, stream.rate) == (codec, rate)


def test_a_clip_shows_the_given_still(real: Simulator) -> None:
    still = Image.linear_gradient("L").resize((320, 180)).convert("RGB")
    out = io.BytesIO()
    still.save(out, "PNG")
    link = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    clip = replicate(real, "wan-video/wan-2.2-i2v-fast", prompt="zoom in", image=link, duration=1).content
    with av.open(io.BytesIO(clip), "r") as file:
        stream = file.streams.video[0]
        assert (stream.codec.name, stream.pix_fmt, stream.width, stream.height) == ("h264", "yuv420p", 1280, 720)
        frames = [frame.to_image() for frame in file.decode(video=0)]  # type: ignore[no-untyped-call]
    assert len(frames) == 24
    assert difference(still, frames[0]) < 4
    assert difference(frames[0], frames[-1]) > 0.5


def test_an_unreadable_still_fails_the_job(real: Simulator) -> None:
    url = "/replicate/v1/models/wan-video/wan-2.2-i2v-fast/predictions"
    given = {"prompt": "pan", "image": "data:image/png;base64,bm8gcGljdHVyZQ=="}
    prediction = real.http.post(url, headers=AUTH, json={"input": given}).json()
    assert prediction["status"] == "failed"
    assert "cannot be read as a picture" in prediction["error"]


def test_small_media_are_valid_and_differ_by_job(simulator: Simulator) -> None:
    flux, wan = "black-forest-labs/flux-dev", "wan-video/wan-2.2-t2v-fast"
    pictures = {replicate(simulator, flux, prompt="a fox", aspect_ratio="16:9").content for _ in range(3)}
    clips = {replicate(simulator, wan, prompt="a fox", duration=2).content for _ in range(3)}
    narrations = {narrate(simulator, "A fox, and again a fox, and again.").content for _ in range(3)}
    assert len(pictures) == len(clips) == len(narrations) == 3
    assert picture(pictures.pop()).size == (64, 36)
    assert seconds(narrations.pop()) == pytest.approx(34 * 0.06, abs=0.05)
    with av.open(io.BytesIO(clips.pop()), "r") as file:
        frames = list(file.decode(video=0))
        assert frames[-1].time == pytest.approx(2, abs=0.2)
