"""Vendors that answer nonsense or deliver spoiled media: it is told plainly, and the other scenes go on."""

from __future__ import annotations

from typing import Any

import pytest

from support.kstatus import condition, is_true
from support.place import Place

Json = dict[str, Any]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"fault": "not-json", "match": {"route": "poll"}}, id="not JSON"),
        pytest.param({"fault": "huge-body", "megabytes": 48, "match": {"route": "poll"}}, id="a huge body"),
        pytest.param({"fault": "status", "status": 502, "match": {"route": "poll"}}, id="502"),
        pytest.param({"fault": "drop", "match": {"route": "poll"}}, id="no answer"),
        pytest.param({"fault": "unknown-status"}, id="an unknown status"),
    ],
)
def test_a_strange_answer_about_a_job_only_means_to_ask_again(place: Place, fault: Json) -> None:
    place.providers("pictures", completion="Poll")
    strike(place, fault)
    story = place.completed(place.make())
    (entry,) = place.bought()
    assert entry["state"] == "succeeded"
    assert entry["polls"] >= 1
    assert story["status"]["cost"]["spent"] == "0.025"


def test_a_download_that_breaks_is_fetched_again_and_not_bought_again(place: Place) -> None:
    place.providers("pictures")
    strike(place, {"fault": "truncated-media", "honest": False})
    place.completed(place.make())
    assert len(place.bought()) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param({"fault": "truncated-media", "times": None}, "damaged or cut off", id="half a picture"),
        pytest.param({"fault": "wrong-media", "times": None}, "GIF", id="another kind of file"),
    ],
)
def test_media_that_are_not_what_was_bought_fail_that_scene_only(place: Place, fault: Json, words: str) -> None:
    place.providers("pictures")
    strike(place, fault, scene="hill")
    name = place.make(place.scene("hill"), place.scene("lake"), retry={"limit": 0, "backoffSeconds": 1})
    story = place.ended(name)
    assert story["status"]["phase"] == "Failed"
    told = condition(place.scene_of(name, "hill"), "Failed")
    assert told["reason"] == "BadMedia"
    assert words in told["message"]
    assert "BadMedia" in condition(story, "Failed")["message"]
    assert place.step_of(name, "lake")["phase"] == "Succeeded"
    assert story["status"]["cost"]["spent"] == "0.05", "useless is not free"
    assert len(place.bought()) == 2


def test_spoiled_media_are_bought_again_where_retries_are_allowed(place: Place) -> None:
    place.providers("pictures")
    strike(place, {"fault": "wrong-media"})
    story = place.completed(place.make())
    assert len(place.bought()) == 2
    assert story["status"]["cost"]["spent"] == "0.05"


def test_a_lost_output_is_told_and_never_bought_again_unasked(place: Place) -> None:
    place.providers("pictures")
    strike(place, {"fault": "expired-link", "times": None}, scene="hill")
    name = place.make(place.scene("hill"), place.scene("lake"))
    step = place.phase_until(name, "hill", "OutcomeUnknown")
    assert step["reason"] == "OutputLost"
    place.phase_until(name, "lake", "Succeeded")
    story = place.until(name, lambda found: is_true(found, "OutcomeUnknown"))[-1]
    assert "hill/image" in condition(story, "OutcomeUnknown")["message"]
    assert len(place.bought("hill")) == 1


def strike(place: Place, fault: Json, *, scene: str = "") -> None:
    words = f"{place.tag} {scene}" if scene else place.tag
    place.stage.fault(**fault | {"match": fault.get("match", {}) | {"prompt_contains": words}})
