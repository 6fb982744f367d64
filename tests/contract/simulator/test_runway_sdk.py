"""Runway's official client runs against the simulator, unpatched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import runwayml
from runwayml.lib import polling

from support.simulator import Simulator, eventually

CLIP: dict[str, Any] = {"model": "gen4.5", "prompt_text": "a small fox", "ratio": "1280:720", "duration": 5}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def client(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[runwayml.RunwayML]:
    monkeypatch.setattr(polling, "POLL_TIME", 0.02)
    monkeypatch.setattr(polling, "POLL_JITTER", 0.0)
    with runwayml.RunwayML(api_key="key_simulator", base_url=f"{simulator.url}/runway", max_retries=0) as client:
        yield client


def test_makes_a_clip_of_words(client: runwayml.RunwayML, simulator: Simulator) -> None:
    created = client.text_to_video.create(**CLIP, seed=7)
    assert created.estimated_cost.credits == 40
    task = created.wait_for_task_output(timeout=30)
    assert task.status == "SUCCEEDED"
    assert task.cost.credits == 40
    assert httpx.get(task.output[0]).content[4:8] == b"ftyp"
    assert [entry["model"] for entry in simulator.ledger()] == ["gen4.5"]


def test_makes_a_clip_of_a_still(client: runwayml.RunwayML) -> None:
    still = f"data:image/png;base64,{PIXEL}"
    assert base64.b64decode(PIXEL).startswith(b"\x89PNG")
    task = client.image_to_video.create(**CLIP, prompt_image=still).wait_for_task_output(timeout=30)
    assert task.status == "SUCCEEDED"


def test_makes_a_picture(client: runwayml.RunwayML) -> None:
    created = client.text_to_image.create(model="gen4_image", prompt_text="a small fox", ratio="1280:720")
    task = created.wait_for_task_output(timeout=30)
    assert task.status == "SUCCEEDED"
    assert httpx.get(task.output[0]).headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        pytest.param([{"fault": "never-finish", "stage": "queued"}], "PENDING", id="pending"),
        pytest.param(
            [{"fault": "never-finish", "stage": "queued"}, {"fault": "unknown-status", "word": "THROTTLED"}],
            "THROTTLED",
            id="throttled",
        ),
        pytest.param([{"fault": "never-finish", "stage": "running"}], "RUNNING", id="running"),
    ],
)
def test_open_tasks_are_read(
    client: runwayml.RunwayML, simulator: Simulator, faults: list[dict[str, Any]], status: str
) -> None:
    simulator.script(*faults)
    task_id = client.text_to_video.create(**CLIP).id
    eventually(lambda: client.tasks.retrieve(task_id).status == status)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param({"fault": "fail", "message": "bad luck"}, "INTERNAL.BAD_OUTPUT.CODE01", id="failed"),
        pytest.param({"fault": "refuse", "message": "bad words"}, "SAFETY.INPUT.TEXT", id="refused"),
    ],
)
def test_failures_have_codes(client: runwayml.RunwayML, simulator: Simulator, fault: dict[str, Any], code: str) -> None:
    simulator.script(fault)
    with pytest.raises(polling.TaskFailedError) as failed:
        client.text_to_video.create(**CLIP).wait_for_task_output(timeout=30)
    task = failed.value.task_details
    assert task.status == "FAILED"
    assert (task.failure_code, task.failure) == (code, fault["message"])


def test_deleting_stops_an_open_task_and_destroys_a_finished_one(
    client: runwayml.RunwayML, simulator: Simulator
) -> None:
    simulator.script({"fault": "never-finish", "stage": "queued"})
    waiting = client.text_to_video.create(**CLIP).id
    done = client.text_to_video.create(**CLIP)
    task = done.wait_for_task_output(timeout=30)
    assert task.status == "SUCCEEDED"
    for task_id in (waiting, done.id):
        client.tasks.delete(task_id)
        with pytest.raises(runwayml.NotFoundError):
            client.tasks.retrieve(task_id)
    assert httpx.get(task.output[0]).status_code == 404
    assert [entry["state"] for entry in simulator.ledger()] == ["canceled", "succeeded"]


@pytest.mark.parametrize("changes", [{"ratio": "wide"}, {"prompt_text": ""}, {"duration": 60}])
def test_a_bad_body_is_refused(client: runwayml.RunwayML, changes: dict[str, Any]) -> None:
    with pytest.raises(runwayml.BadRequestError, match="Validation of body failed"):
        client.text_to_video.create(**CLIP | changes)


def test_a_stranger_and_an_unknown_version_get_nothing(simulator: Simulator) -> None:
    base = f"{simulator.url}/runway"
    with (
        runwayml.RunwayML(api_key="stranger", base_url=base, max_retries=0) as stranger,
        pytest.raises(runwayml.AuthenticationError),
    ):
        stranger.text_to_video.create(**CLIP)
    with (
        runwayml.RunwayML(api_key="key_simulator", base_url=base, runway_version="2020-01-01", max_retries=0) as old,
        pytest.raises(runwayml.BadRequestError, match="X-Runway-Version"),
    ):
        old.text_to_video.create(**CLIP)
    assert [entry["outcome"] for entry in simulator.ledger()] == ["rejected 401", "rejected 400"]


def test_the_client_repeats_a_submit_whose_answer_was_lost(simulator: Simulator) -> None:
    simulator.script({"fault": "accept-then-drop"})
    with runwayml.RunwayML(api_key="key_simulator", base_url=f"{simulator.url}/runway") as client:
        client.text_to_video.create(**CLIP)
    # Why the operator does not use it: one call bought twice.
    assert [entry["outcome"] for entry in simulator.ledger()] == ["dropped-after-accept", "accepted"]
