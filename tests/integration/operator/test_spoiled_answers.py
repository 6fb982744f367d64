"""Vendors that answer nonsense or deliver spoiled media: it is told plainly, and the other scenes go on."""

from __future__ import annotations

from typing import Any

import pytest

from support import bucket
from support.kstatus import condition, is_true
from support.place import Place
from support.stage import Stage

Json = dict[str, Any]


STRANGE: dict[str, Json] = {
    "not JSON": {"fault": "not-json", "match": {"route": "poll"}},
    "a huge body": {"fault": "huge-body", "megabytes": 48, "match": {"route": "poll"}},
    "502": {"fault": "status", "status": 502, "match": {"route": "poll"}},
    "no answer": {"fault": "drop", "match": {"route": "poll"}},
    "an unknown status": {"fault": "unknown-status"},
}
SPOILED: dict[str, Json] = {
    "damaged or cut off": {"fault": "truncated-media", "times": None},
    "a GIF": {"fault": "wrong-media", "times": None},
}


@pytest.fixture(scope="module")
def asked(stage: Stage, own_namespace: str) -> dict[str, tuple[Place, str]]:
    """Stories, all at once, with a strange answer each to the first question about their job."""
    stories = {}
    for case, fault in STRANGE.items():
        place = Place(stage, own_namespace)
        place.providers("pictures", completion="Poll")
        strike(place, fault)
        stories[case] = place, place.make()
    return stories


@pytest.mark.parametrize("case", STRANGE)
def test_a_strange_answer_about_a_job_only_means_to_ask_again(asked: dict[str, tuple[Place, str]], case: str) -> None:
    place, name = asked[case]
    story = place.completed(name)
    (entry,) = place.bought()
    assert entry["state"] == "succeeded"
    assert entry["polls"] >= 1
    assert story["status"]["cost"]["spent"] == "0.025"


def test_a_download_that_breaks_is_fetched_again_and_not_bought_again(place: Place) -> None:
    place.providers("pictures")
    strike(place, {"fault": "truncated-media", "honest": False})
    place.completed(place.make())
    assert len(place.bought()) == 1


def test_a_download_host_that_is_down_for_a_while_costs_nothing(place: Place) -> None:
    place.providers("pictures")
    strike(place, {"fault": "status", "status": 503, "times": 5, "match": {"route": "download"}})
    name = place.make(retry={"limit": 0})
    step = place.phase_until(name, "forest", "Storing")
    assert step["reason"] == "OutputUnreachable"
    assert "answers 503" in step["message"]
    assert step["madeAt"]
    assert "OutputUnreachable" in {
        event["reason"] for event in place.events(place.scene_of(name, "forest")["metadata"]["name"])
    }
    story = place.completed(name)
    assert len(place.bought()) == 1
    assert story["status"]["cost"]["spent"] == "0.025"
    assert "reason" not in place.step_of(name, "forest")


@pytest.fixture(scope="module")
def spoiled(stage: Stage, own_namespace: str) -> dict[str, tuple[Place, str]]:
    """Stories, all at once, one scene of which gets spoiled media."""
    stories = {}
    for words, fault in SPOILED.items():
        place = Place(stage, own_namespace)
        place.providers("pictures")
        strike(place, fault, scene="hill")
        scenes = place.scene("hill"), place.scene("lake")
        stories[words] = place, place.make(*scenes, retry={"limit": 0, "backoffSeconds": 1})
    return stories


@pytest.mark.parametrize("words", SPOILED)
def test_media_that_are_not_what_was_bought_fail_that_scene_only(
    spoiled: dict[str, tuple[Place, str]], words: str
) -> None:
    place, name = spoiled[words]
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


def test_media_that_were_taken_from_the_bucket_are_told_and_never_bought_again_unasked(place: Place) -> None:
    place.providers("pictures")
    name = place.make(retry={"limit": 0})
    place.completed(name)
    uri = place.step_of(name, "forest")["output"]["uri"]
    picture = place.read(uri)
    bucket.delete(place.stage.bucket, uri)
    # Another size needs the picture again; the operator's own copy of it goes with the process.
    place.stage.kill_operator()
    place.stage.start_operator()
    place.stage.api.merge("storyjobs", place.namespace, name, {"spec": {"film": {"fps": 6}}})
    story = place.until(name, lambda found: found["status"]["phase"] == "Failed")[-1]
    for type_ in ("Failed", "Stalled"):
        assert condition(story, type_)["reason"] == "OutputLost"
    assert uri in condition(story, "Failed")["message"]
    assert place.step_of(name, "forest")["phase"] == "Succeeded"

    bucket.write(place.stage.bucket, uri.removeprefix(f"s3://{place.stage.bucket.name}/"), picture)
    place.retry(name)
    place.until(name, lambda found: found["status"]["phase"] == "Completed")
    assert len(place.bought()) == 1
