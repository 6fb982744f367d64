"""What fal, Luma and Runway deliver in the simulator is real media of the size that was asked for."""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from typing import Any

import av
import pytest
from PIL import Image

from storyjob.simulator.settings import Settings
from support.simulator import Simulator, eventually, running_simulator

KEYS = {"fal": "Key fal-simulator", "luma": "Bearer luma-simulator", "runway": "Bearer key_simulator"}
SQUARE = (1024, 1024)


@pytest.fixture(scope="module")
def real() -> Iterator[Simulator]:
    with running_simulator(Settings(speed=50)) as simulator:
        yield simulator


def made(simulator: Simulator, vendor: str, path: str, **body: Any) -> bytes:
    """Return the first file that a request makes."""
    headers = {"Authorization": KEYS[vendor], "X-Runway-Version": "2024-11-06"}

    def get(where: str) -> dict[str, Any]:
        found: dict[str, Any] = simulator.http.get(where, headers=headers).json()
        return found

    job = simulator.http.post(f"/{vendor}/{path}", headers=headers, json=body).json()
    if vendor == "fal":
        eventually(lambda: get(job["status_url"])["status"] == "COMPLETED")
        result = get(job["response_url"])
        files = [result["images"][0]] if "images" in result else [result.get("video") or result.get("audio")]
        link = files[0]["url"]
    elif vendor == "luma":
        link = eventually(lambda: get(f"/luma/generations/{job['id']}")["assets"]).popitem()[1]
    else:
        link = eventually(lambda: get(f"/runway/v1/tasks/{job['id']}").get("output"))[0]
    return simulator.http.get(link).content


@pytest.mark.parametrize(
    ("vendor", "path", "body", "size"),
    [
        pytest.param("fal", "fal-ai/flux/dev", {"image_size": "square"}, (512, 512), id="fal"),
        pytest.param("luma", "generations/image", {"model": "photon-1", "aspect_ratio": "1:1"}, SQUARE, id="luma"),
        pytest.param(
            "runway",
            "v1/text_to_image",
            {"model": "gen4_image", "promptText": "a fox", "ratio": "640:360"},
            (640, 360),
            id="runway",
        ),
    ],
)
def test_pictures(real: Simulator, vendor: str, path: str, body: dict[str, Any], size: tuple[int, int]) -> None:
    picture = Image.open(io.BytesIO(made(real, vendor, path, prompt="a small fox", **body))).convert("RGB")

    assert picture.size == size
    assert len(picture.resize((16, 16)).getcolors() or []) > 10


@pytest.mark.parametrize(
    ("vendor", "path", "body", "size"),
    [
        pytest.param("fal", "fal-ai/wan-i2v", {"duration": "2", "aspect_ratio": "1:1"}, (720, 720), id="fal"),
        pytest.param(
            "luma",
            "generations/video",
            {"model": "ray-2", "duration": "2s", "resolution": "540p"},
            (960, 540),
            id="luma",
        ),
        pytest.param(
            "runway",
            "v1/text_to_video",
            {"model": "gen4.5", "promptText": "a fox", "ratio": "640:360", "duration": 2},
            (640, 360),
            id="runway",
        ),
    ],
)
def test_clips(real: Simulator, vendor: str, path: str, body: dict[str, Any], size: tuple[int, int]) -> None:
    with av.open(io.BytesIO(made(real, vendor, path, prompt="a small fox", **body)), "r") as file:
        frames = list(file.decode(video=0))

    assert (frames[0].width, frames[0].height) == size
    assert frames[-1].time == pytest.approx(2, abs=0.2)


def test_a_narration_is_spoken(real: Simulator) -> None:
    speech = made(real, "fal", "fal-ai/minimax/speech-02-hd", text="A small fox looked up at the moon.")

    with av.open(io.BytesIO(speech), "r") as file:
        sound = b"".join(bytes(frame.planes[0]) for frame in file.decode(audio=0))
    assert max(map(abs, array("f", sound))) > 0.01
