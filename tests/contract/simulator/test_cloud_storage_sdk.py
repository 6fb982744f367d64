"""Google's official clients: one lets Veo write into a bucket of the simulator, the other reads it there."""

from __future__ import annotations

import io

import av
import pytest
from google import genai
from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.cloud import storage
from google.genai import types
from google.oauth2.credentials import Credentials

from support.simulator import Simulator, eventually

VEO = "veo-3.1-fast-generate-001"


def token(value: str = "ya29.simulator") -> Credentials:
    return Credentials(token=value)  # type: ignore[no-untyped-call]


def connected(simulator: Simulator, credentials: Credentials | None = None) -> storage.Client:
    options = {"api_endpoint": f"{simulator.url}/gcs"}
    return storage.Client(project="films", credentials=credentials or token(), client_options=options)


def film(simulator: Simulator, place: str, clips: int = 1) -> None:
    """Let Veo write clips to a place, and wait until they are there."""
    options = types.HttpOptions(base_url=f"{simulator.url}/vertex")
    with genai.Client(
        vertexai=True, project="films", location="us-central1", credentials=token(), http_options=options
    ) as client:
        operation = client.models.generate_videos(
            model=VEO,
            source=types.GenerateVideosSource(prompt="pan to the moon"),
            config=types.GenerateVideosConfig(output_gcs_uri=place, number_of_videos=clips, duration_seconds=4),
        )
        eventually(lambda: client.operations.get(operation).done)


def test_what_veo_wrote_is_listed_below_its_prefix_and_can_be_read(simulator: Simulator) -> None:
    film(simulator, "gs://films-1/story/attempt-1/")
    film(simulator, "gs://films-1/story/attempt-2/")
    client = connected(simulator)

    (clip,) = client.list_blobs("films-1", prefix="story/attempt-1/")

    assert clip.name.startswith("story/attempt-1/")
    assert clip.name.endswith("/sample_0.mp4")
    assert clip.content_type == "video/mp4"
    data = clip.download_as_bytes(raw_download=True)
    assert len(data) == clip.size
    with av.open(io.BytesIO(data)) as file:
        assert file.streams.video[0].codec.name == "h264"


def test_a_listing_comes_in_pages(simulator: Simulator) -> None:
    film(simulator, "gs://films-2/many/", clips=4)

    names = [blob.name for blob in connected(simulator).list_blobs("films-2", page_size=3)]

    assert [name.rpartition("/")[2] for name in names] == [f"sample_{number}.mp4" for number in range(4)]


def test_an_empty_place(simulator: Simulator) -> None:
    client = connected(simulator)
    assert list(client.list_blobs("films-3", prefix="nothing/")) == []
    with pytest.raises(exceptions.NotFound):
        client.bucket("films-3").blob("nothing.mp4").download_as_bytes()


def test_an_api_key_or_a_stranger_reads_nothing(simulator: Simulator) -> None:
    with pytest.raises(RefreshError):
        list(connected(simulator, token("stranger")).list_blobs("films-1"))
    place = "/gcs/storage/v1/b/films-1/o"
    assert simulator.http.get(place, headers={"x-goog-api-key": "AIza-simulator"}).status_code == 401
