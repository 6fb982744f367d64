"""Luma's official client runs against the simulator, unpatched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import lumaai
import pytest
from lumaai.types import Generation

from support.simulator import Receiver, Simulator, eventually

CLIP: dict[str, Any] = {"model": "ray-2", "prompt": "a small fox", "resolution": "540p", "duration": "5s"}


@pytest.fixture
def client(simulator: Simulator) -> Iterator[lumaai.LumaAI]:
    with lumaai.LumaAI(auth_token="luma-simulator", base_url=f"{simulator.url}/luma", max_retries=0) as client:
        yield client


def finished(client: lumaai.LumaAI, generation: Generation) -> Generation:
    assert generation.id is not None
    found: list[Generation] = []

    def ended() -> bool:
        found.append(client.generations.get(str(generation.id)))
        return found[-1].state in ("completed", "failed")

    eventually(ended)
    return found[-1]


def test_makes_a_clip(client: lumaai.LumaAI, simulator: Simulator) -> None:
    generation = finished(client, client.generations.video.create(**CLIP))
    assert (generation.state, generation.generation_type) == ("completed", "video")
    assert generation.assets is not None
    assert httpx.get(str(generation.assets.video)).content[4:8] == b"ftyp"
    assert [entry["model"] for entry in simulator.ledger()] == ["ray-2"]


def test_makes_a_picture_and_a_clip_that_starts_from_it(client: lumaai.LumaAI) -> None:
    drawn = finished(client, client.generations.image.create(model="photon-1", prompt="a small fox", format="png"))
    assert drawn.assets is not None
    link = str(drawn.assets.image)
    assert httpx.get(link).headers["content-type"] == "image/png"
    moved = client.generations.create(**CLIP, keyframes={"frame0": {"type": "image", "url": link}})
    assert finished(client, moved).state == "completed"


@pytest.mark.parametrize("stage", ["queued", "dreaming"])
def test_open_states_are_read(client: lumaai.LumaAI, simulator: Simulator, stage: str) -> None:
    simulator.script({"fault": "never-finish", "stage": "queued" if stage == "queued" else "running"})
    generation = client.generations.video.create(**CLIP)
    eventually(lambda: client.generations.get(str(generation.id)).state == stage)


def test_a_failure_has_a_reason(client: lumaai.LumaAI, simulator: Simulator) -> None:
    simulator.script({"fault": "refuse", "message": "failed moderation"})
    generation = finished(client, client.generations.video.create(**CLIP))
    assert (generation.state, generation.failure_reason) == ("failed", "failed moderation")


def test_lists_newest_first_with_the_requests(client: lumaai.LumaAI) -> None:
    url = "https://hooks.example.com/?token=abc"
    made = [client.generations.video.create(**CLIP, callback_url=url).id for _ in range(3)]
    first = client.generations.list(limit=2, offset=0)
    assert ([one.id for one in first.generations], first.has_more) == (made[:0:-1], True)
    assert first.generations[0].request is not None
    assert first.generations[0].request.callback_url == url
    rest = client.generations.list(limit=100, offset=2)
    assert rest.generations[0].id == made[0]


def test_a_picture_of_no_known_format_is_refused(client: lumaai.LumaAI) -> None:
    body: dict[str, Any] = {"model": "photon-1", "prompt": "a small fox", "format": "gif"}
    with pytest.raises(lumaai.BadRequestError, match="format"):
        client.generations.image.create(**body)


def test_a_deleted_generation_is_gone(client: lumaai.LumaAI) -> None:
    generation = client.generations.video.create(**CLIP)
    client.generations.delete(str(generation.id))
    with pytest.raises(lumaai.NotFoundError):
        client.generations.get(str(generation.id))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "ray-9"},
        {"prompt": ""},
        {"duration": "long"},
        {"aspect_ratio": "2:1"},
        {"keyframes": {"frame0": {"type": "image", "url": "data:image/png;base64,AAAA"}}},
    ],
)
def test_a_bad_body_is_refused(client: lumaai.LumaAI, changes: dict[str, Any]) -> None:
    with pytest.raises(lumaai.BadRequestError):
        client.generations.video.create(**CLIP | changes)


def test_a_stranger_gets_nothing(simulator: Simulator) -> None:
    with (
        lumaai.LumaAI(auth_token="stranger", base_url=f"{simulator.url}/luma", max_retries=0) as stranger,
        pytest.raises(lumaai.AuthenticationError),
    ):
        stranger.generations.video.create(**CLIP)
    assert simulator.ledger()[0]["outcome"] == "rejected 401"


def test_callbacks_are_generations_and_want_exactly_a_200(
    client: lumaai.LumaAI, simulator: Simulator, receiver: Receiver
) -> None:
    receiver.statuses[:] = [204, 200]
    generation = client.generations.video.create(**CLIP, callback_url=receiver.url)
    eventually(lambda: [d["status"] for d in simulator.ledger()[0]["deliveries"]] == [204, 200, 200])
    told = [json.loads(body) for _, body in receiver.received]
    assert {one["id"] for one in told} == {generation.id}
    assert [one["state"] for one in told] == ["dreaming", "dreaming", "completed"]
    assert not any("signature" in name for headers, _ in receiver.received for name in headers)


def test_the_client_repeats_a_submit_whose_answer_was_lost(simulator: Simulator) -> None:
    simulator.script({"fault": "accept-then-drop"})
    with lumaai.LumaAI(auth_token="luma-simulator", base_url=f"{simulator.url}/luma") as client:
        client.generations.video.create(**CLIP)
    # Why the operator does not use it: one call bought twice.
    assert [entry["outcome"] for entry in simulator.ledger()] == ["dropped-after-accept", "accepted"]
