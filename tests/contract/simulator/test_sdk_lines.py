"""The other lines of the vendors' SDKs run against the simulator, unpatched, each in an environment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from support.sdk_line import run_line
from support.simulator import Receiver, Simulator, eventually

LINES = Path(__file__).parent / "lines"


def outcomes(simulator: Simulator) -> list[tuple[str, str]]:
    return [(entry["text"], entry["outcome"]) for entry in simulator.ledger()]


def test_replicate_2(simulator: Simulator, receiver: Receiver) -> None:
    only_once = {"route": "submit", "prompt_contains": "repeated"}
    simulator.script({"fault": "never-finish", "match": {"prompt_contains": "endless"}})
    simulator.script({"fault": "accept-then-500", "match": only_once})

    seen = run_line(LINES / "replicate_2.py", simulator.url, receiver.url)

    assert seen["sdk"] == "2.0.0b4"
    for way in ("by_model", "by_version", "by_deployment", "waited"):
        assert (seen[way]["status"], seen[way]["error"]) == ("succeeded", None), way
        assert seen[way]["metrics"]["predict_time"] > 0, way
    assert (seen["by_model"]["version"], seen["by_version"]["version"][:6]) == ("hidden", "5c7d5d")
    assert seen["picture"] == "image/webp"
    assert seen["cancelled"]["status"] == "canceled"
    assert seen["listed"] == ["endless", "waited", "by deployment", "by version", "by model"]
    assert (seen["invalid"]["error"], seen["invalid"]["status"]) == ("UnprocessableEntityError", 422)
    assert (seen["stranger"]["error"], seen["stranger"]["status"]) == ("AuthenticationError", 401)
    callbacks(receiver, seen)
    accepted = [(text, "accepted") for text in ("by model", "by version", "by deployment", "waited", "endless")]
    refused = [("", "rejected 422"), ("a stranger", "rejected 401")]
    # It buys again by itself when the answer to a purchase is an error, and so is not used.
    assert outcomes(simulator) == [*accepted, *refused, ("repeated", "500-after-accept"), ("repeated", "accepted")]


def callbacks(receiver: Receiver, seen: dict[str, Any]) -> None:
    """Check the webhooks with the secret that the SDK was told."""
    eventually(lambda: len(receiver.received) == 2)
    events = [Webhook(seen["secret"]).verify(body, headers) for headers, body in receiver.received]
    assert [event["status"] for event in events] == ["processing", "succeeded"]
    assert {event["id"] for event in events} == {seen["by_model"]["id"]}


def test_google_genai_2(simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish", "match": {"prompt_contains": "endless"}})

    seen = run_line(LINES / "google_genai_2.py", simulator.url)

    assert seen["sdk"] == "2.34.0"
    clip = seen["interactions"]
    assert (clip["status"], clip["mime"], clip["cancelled"]) == ("completed", "video/mp4", "cancelled")
    assert (seen["veo"]["mime"], seen["imagen"]["mime"]) == ("video/mp4", "image/png")
    assert min(made["bytes"] for made in (clip, seen["veo"], seen["imagen"])) > 100
    assert seen["stranger"] == {"code": 401, "status": "UNAUTHENTICATED"}
    assert outcomes(simulator) == [
        *((text, "accepted") for text in ("a clip", "endless", "a clip of Veo", "a picture")),
        ("a stranger's", "rejected 401"),
    ]


@pytest.mark.parametrize("program", sorted(LINES.glob("*.py")), ids=lambda program: program.stem)
def test_a_line_is_locked(program: Path) -> None:
    assert "hash = " in program.with_suffix(".py.lock").read_text()
