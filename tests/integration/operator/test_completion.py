"""A story becomes a film, whether its providers call back or are asked."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from support.kstatus import condition, has_ended, kstatus
from support.place import Place

Json = dict[str, Any]


def three_scenes(place: Place) -> list[Json]:
    return [
        place.scene("hill", "image", "audio"),
        place.scene("lake", "image", "audio", "video"),
        place.scene("home", "image", "audio"),
    ]


@pytest.fixture
def history(place: Place) -> list[Json]:
    """All states of a story of three scenes whose providers call back, from its first to its last."""
    place.providers("pictures", "voice", "clips", polling={"initialSeconds": 3600, "maxSeconds": 3600})
    name = place.make(*three_scenes(place), title="The lake")
    return place.until(name, has_ended)


def test_a_story_with_webhooks_becomes_a_film(place: Place, history: list[Json]) -> None:
    story = history[-1]
    status = story["status"]
    assert status["phase"] == "Completed", status
    assert (status["scenes"]["succeeded"], status["scenes"]["summary"]) == (3, "3/3")
    wanted = {"image": 3, "audio": 3, "video": 1}
    assert status["steps"] == {kind: {"total": n, "succeeded": n} for kind, n in wanted.items()}
    assert_films_are_in_the_bucket(place, story)
    assert_bought_once_and_called_back(place)
    assert_money_adds_up(place, story)
    assert_told_truly(place, history)


def assert_films_are_in_the_bucket(place: Place, story: Json) -> None:
    outputs = story["status"]["outputs"]
    files = {name: place.read(file["uri"]) for name, file in outputs.items() if name != "hash"}
    for name, data in files.items():
        assert hashlib.sha256(data).hexdigest() == outputs[name]["sha256"], name
        assert len(data) == outputs[name]["bytes"], name
    assert set(files) == {"film", "manifest", "captions", "subtitles", "poster"}
    assert files["poster"][:2] == b"\xff\xd8"
    for scene in ("hill", "lake", "home"):
        assert f"{place.tag} {scene}" in files["captions"].decode()
    manifest = json.loads(files["manifest"])
    assert [scene["name"] for scene in manifest["scenes"]] == ["hill", "lake", "home"]
    clip = place.step_of(story["metadata"]["name"], "lake", "video")
    assert manifest["scenes"][1]["video"]["sha256"] == clip["output"]["sha256"]


def assert_bought_once_and_called_back(place: Place) -> None:
    entries = place.bought()
    wanted = [(kind, scene) for kind in ("audio", "image") for scene in ("hill", "home", "lake")]
    assert sorted((entry["kind"], entry["text"].split()[1]) for entry in entries) == [*wanted, ("video", "lake")]
    assert {entry["outcome"] for entry in entries} == {"accepted"}
    for entry in entries:
        if entry["kind"] == "audio":
            continue  # its answer is the result
        ends = [delivery for delivery in entry["deliveries"] if delivery["event"] == "completed"]
        assert [delivery["status"] for delivery in ends if delivery["status"] != 503] == [200]
        # The slow poll is an hour away: it was the callback that let the operator ask, and one question was enough.
        assert entry["polls"] == 1


def assert_money_adds_up(place: Place, story: Json) -> None:
    cost = story["status"]["cost"]
    charged = sum(float(entry["charged"]) for entry in place.bought())
    assert float(cost["spent"]) == pytest.approx(charged)
    assert cost["estimated"] == cost["spent"]
    assert cost.get("retired", "0") == "0"


def assert_told_truly(place: Place, history: list[Json]) -> None:
    progress = [state["status"].get("progress", 0) for state in history]
    assert progress == sorted(progress), "progress fell"
    assert progress[-1] == 100
    # A status is written once a second at most, so a quick story shows little between; these it always shows.
    assert {0, 99} <= set(progress), f"nobody could see it grow: {progress}"
    spent = [float(state["status"].get("cost", {}).get("spent", 0)) for state in history]
    assert spent == sorted(spent), f"money came back: {spent}"
    assert {kstatus(state) for state in history[:-1]} == {"InProgress"}
    assert kstatus(history[-1]) == "Current"
    assert condition(history[-1], "Complete")["reason"] == "Completed"
    for scene in ("hill", "lake", "home"):
        found = place.scene_of(history[-1]["metadata"]["name"], scene)
        assert kstatus(found) == "Current", found["status"]
        assert found["status"]["phase"] == "Completed"


def test_a_polled_story_becomes_a_film(place: Place) -> None:
    place.providers("pictures", completion="Poll")
    place.provider("clips", type="vertex-veo", completion="Poll")
    story = place.story(place.scene("hill"), place.scene("lake", "image", "video"))
    story["spec"]["defaults"]["video"]["model"] = "veo-3.1-fast-generate-001"
    ended = place.completed(place.apply(story)["metadata"]["name"])
    assert place.read(ended["status"]["outputs"]["film"]["uri"])[4:8] == b"ftyp"
    entries = place.bought()
    assert len(entries) == 3
    assert {entry["vendor"] for entry in entries} == {"replicate", "vertex"}
    for entry in entries:
        assert entry["webhook"] is None
        assert entry["deliveries"] == []
        assert 1 <= entry["polls"] <= 3


def test_lost_webhooks_only_make_a_story_slower(place: Place) -> None:
    place.providers("pictures", polling={"initialSeconds": 2, "factor": 1})
    place.stage.fault("lost-webhook", times=None, match={"prompt_contains": place.tag})
    place.completed(place.make(place.scene("hill"), place.scene("lake")))
    entries = place.bought()
    assert len(entries) == 2
    assert all(entry["webhook"] and not entry["deliveries"] and entry["polls"] for entry in entries)


@pytest.mark.parametrize("fault", ["duplicate-webhook", "forged-webhook", "wrong-signature", "old-timestamp"])
def test_bad_webhooks_do_no_harm(place: Place, fault: str) -> None:
    place.providers("pictures", polling={"initialSeconds": 1, "factor": 1})
    place.stage.fault(fault, match={"prompt_contains": place.tag})
    story = place.completed(place.make())
    (entry,) = place.bought()
    last = {delivery["event"]: delivery["status"] for delivery in entry["deliveries"]}
    # 503: the sidecar did not know the account's key yet, and judged nothing.
    assert last.get("forged", 401) in (401, 503)
    if fault in ("wrong-signature", "old-timestamp"):
        assert last["completed"] in (401, 503)
    assert story["status"]["cost"]["spent"] == "0.025"
    assert "attacker" not in json.dumps(place.scene_of(story["metadata"]["name"], "forest"))
