"""Google's official client draws with Imagen on the simulator, in Vertex mode, unpatched."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from PIL import Image

from support.simulator import Simulator

# The client's successor to this method is for Gemini's models; the wire of Imagen is what is judged here.
pytestmark = pytest.mark.filterwarnings("ignore:The generate_images method is deprecated")

IMAGEN = "imagen-4.0-generate-001"


@pytest.fixture(params=["project", "api key"])
def client(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    project = {
        "project": "films",
        "location": "us-central1",
        "credentials": Credentials(token="ya29.simulator"),  # type: ignore[no-untyped-call]
    }
    credentials: dict[str, Any] = project if request.param == "project" else {"api_key": "AIza-simulator"}
    options = types.HttpOptions(base_url=f"{simulator.url}/vertex")
    with genai.Client(vertexai=True, http_options=options, **credentials) as client:
        yield client


def draw(client: genai.Client, **config: Any) -> types.GenerateImagesResponse:
    return client.models.generate_images(
        model=IMAGEN, prompt="a small fox", config=types.GenerateImagesConfig(**config)
    )


def test_pictures_come_as_bytes(client: genai.Client, simulator: Simulator) -> None:
    made = draw(client, number_of_images=2, aspect_ratio="16:9", output_mime_type="image/jpeg")
    assert made.generated_images is not None
    pictures = [
        Image.open(io.BytesIO((each.image and each.image.image_bytes) or b"")) for each in made.generated_images
    ]
    assert [picture.format for picture in pictures] == ["JPEG", "JPEG"]
    assert pictures[0].width > pictures[0].height
    entry = simulator.ledger()[0]
    assert (entry["kind"], entry["model"], entry["charged"]) == ("image", IMAGEN, "0.050")


def test_a_filtered_prompt_says_why_when_asked(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "refuse", "message": "flagged."})
    made = draw(client, include_rai_reason=True)
    assert made.generated_images is not None
    assert "flagged" in (made.generated_images[0].rai_filtered_reason or "")
    simulator.script({"fault": "refuse"})
    assert not draw(client).generated_images


def test_a_seed_beside_the_watermark_is_refused(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as refused:
        draw(client, seed=7)
    assert refused.value.status == "INVALID_ARGUMENT"
    assert draw(client, seed=7, add_watermark=False).generated_images


def test_exhausted_quota_has_googles_shape(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "status", "status": 429})
    with pytest.raises(errors.ClientError) as exhausted:
        draw(client)
    assert (exhausted.value.code, exhausted.value.status) == (429, "RESOURCE_EXHAUSTED")
