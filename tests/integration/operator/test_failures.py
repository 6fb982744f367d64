"""Vendors fail in every way: what is tried again, what is not, what is said, and that money is counted right."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from support.kstatus import condition, has_ended, is_true, kstatus
from support.place import Place
from support.stage import Stage

Json = dict[str, Any]


def hit(place: Place, fault: str, scene: str = "", **more: Any) -> None:
    """Let something go wrong for this test only."""
    match = {"prompt_contains": f"{place.tag} {scene}" if scene else place.tag} | more.pop("match", {})
    place.stage.fault(fault, match=match, **more)


def failed(place: Place, name: str) -> Json:
    story = place.ended(name)
    assert story["status"]["phase"] == "Failed", json.dumps(story["status"], indent=1)
    assert kstatus(story) == "Failed"
    return story


def test_a_failed_generation_is_tried_again(place: Place) -> None:
    place.providers("pictures")
    hit(place, "fail", times=2)
    story = place.completed(place.make(retry={"limit": 2, "backoffSeconds": 1, "factor": 1}))
    step = place.step_of(story["metadata"]["name"], "forest")
    assert (step["attempt"], step["failures"]) == (3, 2)
    assert [entry["state"] for entry in place.bought()] == ["failed", "failed", "succeeded"]
    # A vendor that charges for its failures does not say so; what it says it made is what is known to be paid.
    assert float(story["status"]["cost"]["spent"]) >= 0.025


def test_a_story_fails_when_its_retries_are_used_up_and_a_person_can_ask_again(place: Place) -> None:
    place.providers("pictures", "voice")
    hit(place, "fail", "hill", times=2, match={"vendor": "replicate"})
    name = place.make(place.scene("hill", "image", "audio"), place.scene("lake"))
    story = failed(place, name)
    assert len(place.bought("hill", "image")) == 2, "one retry was allowed"
    for type_ in ("Stalled", "Failed"):
        assert "hill" in condition(story, type_)["message"]
        assert "CUDA out of memory" in condition(story, type_)["message"]
    assert condition(place.scene_of(name, "hill"), "Failed")["reason"] == "GenerationFailed"
    assert kstatus(place.scene_of(name, "hill")) == "Failed"
    assert kstatus(place.scene_of(name, "lake")) == "Current"
    assert len([event for event in place.events(name) if event["type"] == "Warning"]) == 1

    before = len(place.bought())
    place.retry(name)
    place.until(name, lambda found: found["status"]["phase"] == "Completed")
    assert [entry["text"] for entry in place.bought()[before:]] == [f"{place.tag} hill"]
    assert place.bought()[-1]["kind"] == "image"


def test_a_refused_prompt_is_not_tried_again(place: Place) -> None:
    place.providers("pictures")
    hit(place, "refuse", times=None)
    name = place.make(retry={"limit": 5, "backoffSeconds": 1})
    story = failed(place, name)
    assert "ContentRefused" in condition(story, "Failed")["message"]
    assert condition(place.scene_of(name, "forest"), "Failed")["reason"] == "ContentRefused"
    assert len(place.bought()) == 1


def test_wrong_credentials_are_told_and_can_be_mended(place: Place) -> None:
    secret = f"wrong-{place.tag}"
    place.secret(secret, {"token": "r8_nobody"})
    place.providers("pictures", credentials={"secretRef": {"name": secret, "key": "token"}})
    provider = place.names["pictures"]
    name = place.make(retry={"limit": 0})
    story = place.until(name, lambda found: is_true(found, "Stalled"))[-1]
    told = condition(story, "Stalled")
    assert told["reason"] == "Unauthorized"
    assert provider in told["message"]
    assert "authentication token" in told["message"]
    assert is_true(story, "Reconciling"), "it goes on by itself, so it has not failed"
    seen = place.until(provider, lambda found: is_true(found, "Stalled"), kind="mediaproviders")[-1]
    for type_ in ("Ready", "CredentialsValid"):
        assert (condition(seen, type_)["status"], condition(seen, type_)["reason"]) == ("False", "Unauthorized")
    step = place.step_until(name, "forest", lambda found: found.get("reason") == "Unauthorized")
    assert (step["phase"], step.get("failures", 0)) == ("Waiting", 0)
    assert "r8_nobody" not in json.dumps(place.scene_of(name, "forest")) + place.stage.operator.tail(10_000)
    assert [entry["outcome"] for entry in place.bought()] == ["rejected 401"]

    place.secret(secret, {"token": "r8_simulator"})
    story = place.completed(name)
    assert not is_true(story, "Stalled")
    assert [entry["outcome"] for entry in place.bought()] == ["rejected 401", "accepted"]
    warnings = [event["reason"] for event in place.events(provider) if event["type"] == "Warning"]
    assert warnings == ["Unauthorized"]


def test_an_empty_account_stops_its_provider_and_no_step_is_failed_by_it(place: Place) -> None:
    scenes = [place.scene(f"s{nth}") for nth in range(6)]
    provider = place.provider("pictures", limits={"concurrent": 2})
    hit(place, "status", status=402, message="Insufficient credit", times=2)
    name = place.make(*scenes, retry={"limit": 0})
    story = place.until(name, lambda found: is_true(found, "Stalled"))[-1]
    assert condition(story, "Stalled")["reason"] == "QuotaExhausted"
    assert "Insufficient credit" in condition(story, "Stalled")["message"]
    assert kstatus(story) == "InProgress"
    seen = place.until(provider, lambda found: is_true(found, "Stalled"), kind="mediaproviders")[-1]
    assert condition(seen, "Ready")["reason"] == "QuotaExhausted"
    assert is_true(seen, "CredentialsValid")
    assert len(place.bought()) <= 2, "six scenes do not ask six times"

    place.provider("pictures", name=provider, limits={"concurrent": 3})
    story = place.completed(name)
    assert [entry["outcome"] for entry in place.bought()].count("accepted") == 6
    assert story["status"]["cost"]["spent"] == "0.15"
    assert all(place.step_of(name, each["name"]).get("failures", 0) == 0 for each in scenes)


def test_a_busy_vendor_is_waited_for_and_not_counted(place: Place) -> None:
    place.provider("pictures")  # of our own, since all of it pauses
    hit(place, "status", status=429, retry_after=2)
    name = place.make(retry={"limit": 0, "backoffSeconds": 1, "factor": 1})
    waiting = place.step_until(name, "forest", lambda step: step.get("reason") == "Throttled")
    assert waiting["phase"] == "Waiting"
    story = place.completed(name)
    step = place.step_of(name, "forest")
    assert step.get("failures", 0) == 0
    entries = place.bought()
    assert [entry["outcome"] for entry in entries] == ["rejected 429", "accepted"]
    assert seconds_between(entries[0], entries[1]) >= 2
    assert story["status"]["cost"]["spent"] == "0.025"


def test_a_narration_service_that_is_full_is_waited_for(place: Place) -> None:
    place.provider("voice")
    hit(place, "status", status=429, code="system_busy", match={"vendor": "elevenlabs"})
    place.providers("pictures")
    place.completed(place.make(place.scene("hill", "image", "audio"), retry={"limit": 0, "backoffSeconds": 1}))
    assert [entry["outcome"] for entry in place.bought(kind="audio")] == ["rejected 429", "accepted"]


def test_an_unanswered_purchase_is_adopted_when_its_webhook_comes(place: Place) -> None:
    place.providers("pictures", polling={"initialSeconds": 3600, "maxSeconds": 3600})
    hit(place, "accept-then-drop")
    story = place.completed(place.make())
    assert len(place.bought()) == 1
    assert place.bought()[0]["outcome"] == "dropped-after-accept"
    assert story["status"]["cost"]["spent"] == "0.025"
    assert not is_true(story, "OutcomeUnknown")


UNANSWERED: dict[str, Json] = {
    "the connection breaks": {"fault": "accept-then-drop"},
    "it says 500": {"fault": "accept-then-500"},
    "a proxy answers": {"fault": "not-json", "match": {"route": "submit"}},
    "the answer is huge": {"fault": "huge-body", "megabytes": 48, "match": {"route": "submit"}},
}


@pytest.fixture(scope="module")
def unanswered(stage: Stage, own_namespace: str) -> dict[str, tuple[Place, str]]:
    """Stories, all at once, one purchase of which is taken without a clear answer."""
    stories = {}
    for case, fault in UNANSWERED.items():
        place = Place(stage, own_namespace)
        place.providers("pictures", completion="Poll")
        hit(place, scene="hill", **fault)
        stories[case] = place, place.make(place.scene("hill"), place.scene("lake"))
    return stories


@pytest.mark.parametrize("case", UNANSWERED)
def test_an_unanswered_purchase_is_looked_for_at_the_vendor_and_not_repeated(
    unanswered: dict[str, tuple[Place, str]], case: str
) -> None:
    place, name = unanswered[case]
    story = place.completed(name)
    (bought,) = place.bought("hill")
    step = place.step_of(name, "hill")
    assert (step["jobId"], step["attempt"]) == (bought["job_id"], 1)
    assert story["status"]["cost"]["spent"] == "0.05"
    assert story["status"]["cost"]["possibleDuplicate"] == "0"


@pytest.mark.parametrize(("choice", "scenes"), [("Skip", ["lake"]), ("Placeholder", ["hill", "lake"])])
def test_a_film_can_do_without_a_failed_scene(place: Place, choice: str, scenes: list[str]) -> None:
    place.providers("pictures")
    hit(place, "refuse", "hill")
    name = place.make(place.scene("hill"), place.scene("lake"), onSceneFailure=choice)
    story = place.completed(name)
    manifest = json.loads(place.read(story["status"]["outputs"]["manifest"]["uri"]))
    assert [scene["name"] for scene in manifest["scenes"]] == scenes
    assert [scene["placeholder"] for scene in manifest["scenes"]] == [choice == "Placeholder", False][-len(scenes) :]
    assert condition(story, "Degraded")["reason"] == "ScenesMissing"
    assert "hill" in condition(story, "Degraded")["message"]
    assert kstatus(story) == "Current"


def test_a_failed_scene_fails_the_story_but_the_others_are_kept(place: Place) -> None:
    place.providers("pictures")
    hit(place, "refuse", "hill")
    name = place.make(place.scene("hill"), place.scene("lake"), onSceneFailure="Fail")
    history = place.until(name, has_ended)
    assert history[-1]["status"]["phase"] == "Failed"
    assert place.step_of(name, "lake")["phase"] == "Succeeded"
    assert "film" not in history[-1]["status"].get("outputs", {})
    assert [state["status"].get("progress", 0) for state in history][-1] == 50


def seconds_between(one: Json, other: Json) -> float:
    """Return how far two submissions lie apart, by the vendor's clock."""
    first, second = (datetime.fromisoformat(entry["at"]) for entry in (one, other))
    return (second - first).total_seconds()
