"""Google's official client runs against the simulator in Vertex mode, unpatched."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from support.simulator import Simulator, eventually

VEO = "veo-3.1-fast-generate-001"


def connected(simulator: Simulator, **credentials: Any) -> genai.Client:
    options = types.HttpOptions(base_url=f"{simulator.url}/vertex")
    return genai.Client(vertexai=True, http_options=options, **credentials)


@pytest.fixture(params=["project", "api key"])
def client(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    project = {
        "project": "films",
        "location": "us-central1",
        "credentials": Credentials(token="ya29.simulator"),  # type: ignore[no-untyped-call]
    }
    credentials = project if request.param == "project" else {"api_key": "AIza-simulator"}
    with connected(simulator, **credentials) as client:
        yield client


def done(client: genai.Client, operation: types.GenerateVideosOperation) -> types.GenerateVideosOperation:
    def ask() -> types.GenerateVideosOperation | None:
        latest = client.operations.get(operation)
        return latest if latest.done else None

    finished: types.GenerateVideosOperation = eventually(ask)
    return finished


def generate(client: genai.Client, prompt: str = "pan to the moon", **config: Any) -> types.GenerateVideosOperation:
    return client.models.generate_videos(
        model=VEO,
        source=types.GenerateVideosSource(prompt=prompt),
        config=types.GenerateVideosConfig(**config),
    )


def test_a_clip_comes_as_bytes(client: genai.Client, simulator: Simulator) -> None:
    started = generate(client, duration_seconds=4, aspect_ratio="9:16")
    assert started.name is not None
    assert f"/models/{VEO}/operations/" in started.name
    result = done(client, started).result
    assert result is not None
    assert result.generated_videos is not None
    video = result.generated_videos[0].video
    assert video is not None
    assert video.mime_type == "video/mp4"
    with av.open(io.BytesIO(video.video_bytes or b""), "r") as file:
        stream = file.streams.video[0]
        assert stream.codec.name == "h264"
        assert stream.height > stream.width
        assert float(file.duration or 0) / av.time_base == pytest.approx(4, abs=0.2)
    entry = simulator.ledger()[0]
    assert (entry["vendor"], entry["kind"], entry["charged"]) == ("vertex", "video", "0.40")
    assert entry["polls"] >= 1


def test_a_filtered_prompt_succeeds_without_videos(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "refuse"})
    result = done(client, generate(client)).result
    assert result is not None
    assert not result.generated_videos
    assert result.rai_media_filtered_count == 1
    assert result.rai_media_filtered_reasons


def test_a_failed_job_carries_an_rpc_error(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "fail", "message": "out of capacity"})
    assert done(client, generate(client)).error == {"code": 13, "message": "out of capacity"}


def test_a_bucket_gets_a_link(client: genai.Client) -> None:
    result = done(client, generate(client, output_gcs_uri="gs://films/attempt-1/")).result
    assert result is not None
    assert result.generated_videos is not None
    video = result.generated_videos[0].video
    assert video is not None
    assert (video.uri or "").startswith("gs://films/attempt-1/")


def test_exhausted_quota_has_googles_shape(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "status", "status": 429})
    with pytest.raises(errors.ClientError) as exhausted:
        generate(client)
    assert (exhausted.value.code, exhausted.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_an_impossible_length_is_refused(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as refused:
        generate(client, duration_seconds=600)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    with connected(simulator, api_key="AIza-stranger") as stranger, pytest.raises(errors.ClientError) as refused:
        generate(stranger)
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")
    assert simulator.ledger()[0]["outcome"] == "rejected 401"
