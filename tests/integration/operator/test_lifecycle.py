"""Suspending, resuming, deleting: money stops at once, and what was paid for is collected."""

from __future__ import annotations

from typing import Any

from storyjob.planning.children import child_name
from support.kstatus import condition, is_true, kstatus
from support.place import Place
from support.simulator import eventually

Json = dict[str, Any]


def test_a_suspended_story_buys_nothing_and_collects_what_runs(place: Place) -> None:
    place.providers("pictures", polling={"initialSeconds": 2, "factor": 1})
    place.stage.fault("lost-webhook", match={"prompt_contains": place.tag})
    wish = place.story(place.scene("hill"), place.scene("lake"), parallelism={"image": 1})
    name = place.apply(wish)["metadata"]["name"]
    place.phase_until(name, "hill", "Running")
    place.apply(wish | {"spec": wish["spec"] | {"suspend": True}})
    suspended = place.until(name, lambda found: is_true(found, "Suspended"))[-1]
    assert suspended["status"]["phase"] == "Suspended"
    assert condition(suspended, "Ready")["status"] == "False"
    place.phase_until(name, "hill", "Succeeded")
    story = place.until(name, lambda found: found["status"]["scenes"]["succeeded"] == 1)[-1]
    assert story["status"]["phase"] == "Suspended"
    assert len(place.bought()) == 1
    assert story["status"]["cost"]["spent"] == "0.025"

    place.apply(wish | {"spec": wish["spec"] | {"suspend": False}})
    ended = place.completed(name)
    assert [entry["text"].split()[1] for entry in place.bought()] == ["hill", "lake"]
    assert not is_true(ended, "Suspended")


def test_a_story_that_is_born_suspended_buys_nothing(place: Place) -> None:
    place.providers("pictures")
    name = place.make(suspend=True)
    place.until(name, lambda found: is_true(found, "Suspended"))
    other = place.make(place.scene("other"), name="other")
    place.completed(other)  # by then it would have been bought
    assert [entry["text"].split()[1] for entry in place.bought()] == ["other"]


def test_deleting_a_story_cancels_its_jobs(place: Place) -> None:
    place.providers("pictures")
    place.stage.fault("never-finish", times=2, match={"prompt_contains": place.tag})
    name = place.make(place.scene("hill"), place.scene("lake"))
    for scene in ("hill", "lake"):
        place.phase_until(name, scene, "Running")
    assert "storyjob.dev/jobs" in place.scene_of(name, "hill")["metadata"]["finalizers"]
    place.delete(name)
    assert [entry["state"] for entry in place.bought()] == ["canceled", "canceled"]
    assert all(
        place.stage.api.get("scenes", place.namespace, child_name(name, each)) is None for each in ("hill", "lake")
    )


def test_a_cancel_that_fails_is_repeated(place: Place) -> None:
    place.providers("pictures")
    match = {"prompt_contains": place.tag}
    place.stage.fault("never-finish", match=match)
    place.stage.fault("status", status=502, match=match | {"route": "cancel"})
    name = place.make()
    place.phase_until(name, "forest", "Running")
    place.delete(name)
    assert [entry["state"] for entry in place.bought()] == ["canceled"]


def test_a_story_goes_at_once_whose_vendor_does_not_know_its_young_job(place: Place) -> None:
    place.providers("pictures")
    match = {"prompt_contains": place.tag}
    place.stage.fault("never-finish", match=match)
    for route in ("cancel", "poll"):
        place.stage.fault("status", status=404, times=None, match=match | {"route": route})
    name = place.make()
    place.phase_until(name, "forest", "Running")
    scene = place.scene_of(name, "forest")["metadata"]["name"]
    place.delete(name)
    assert "Deleting" not in {event["reason"] for event in place.events(scene)}, "it was not waited for in vain"


def test_a_scene_deleted_by_hand_is_finished_and_comes_back_for_nothing(place: Place) -> None:
    place.providers("pictures", polling={"initialSeconds": 2, "factor": 1})
    place.stage.fault("lost-webhook", match={"prompt_contains": f"{place.tag} hill"})
    name = place.make(place.scene("hill"), place.scene("lake"))
    place.phase_until(name, "hill", "Running")
    first = place.scene_of(name, "hill")["metadata"]
    place.stage.api.delete("scenes", place.namespace, first["name"])
    place.until(
        first["name"], lambda found: found is not None and found["metadata"]["uid"] != first["uid"], kind="scenes"
    )
    history = place.until(name, lambda found: found["status"].get("phase") == "Completed")
    story = history[-1]
    (entry,) = place.bought("hill")
    assert entry["state"] == "succeeded", "what ran was not cancelled"
    assert place.step_of(name, "hill")["reused"] is True
    assert story["status"]["cost"]["spent"] == "0.05"
    assert story["status"]["cost"]["retired"] == "0.025"


def test_money_spent_is_never_shown_as_less(place: Place) -> None:
    place.providers("pictures")
    name = place.make(place.scene("hill"), place.scene("lake"))
    place.completed(name)
    for scene in ("hill", "lake"):
        place.stage.api.delete("scenes", place.namespace, child_name(name, scene))
    history = place.until(name, lambda found: found["status"]["cost"].get("retired") == "0.05")
    history += place.until(name, lambda found: found["status"]["phase"] == "Completed")
    assert {state["status"]["cost"]["spent"] for state in history} == {"0.05"}
    place.step_until(name, "lake", lambda step: step.get("reused"))
    assert len(place.bought()) == 2


def test_a_provider_in_use_stays_until_its_jobs_have_ended(place: Place) -> None:
    provider = place.provider("pictures")
    place.stage.fault("never-finish", match={"prompt_contains": place.tag})
    name = place.make()
    place.phase_until(name, "forest", "Running")
    place.stage.api.delete("mediaproviders", place.namespace, provider)
    eventually(lambda: place.events(provider))
    found = place.stage.api.get("mediaproviders", place.namespace, provider)
    assert found is not None
    assert kstatus(found) == "Terminating"
    place.delete(name)
    assert place.bought()[0]["state"] == "canceled"
    place.until(provider, lambda left: left is None, kind="mediaproviders")


def test_a_scene_edited_by_hand_becomes_what_its_story_says(place: Place) -> None:
    place.providers("pictures")
    name = place.make()
    place.completed(name)
    scene = child_name(name, "forest")
    place.stage.api.merge("scenes", place.namespace, scene, {"spec": {"image": {"prompt": f"{place.tag} another"}}})
    place.until(scene, lambda found: found["spec"]["image"]["prompt"] == f"{place.tag} forest", kind="scenes")
    place.retry(name)
    place.until(name, lambda found: found["status"].get("retry") == "please" and is_true(found, "Complete"))
    assert [entry["text"] for entry in place.bought()] == [f"{place.tag} forest"]


def test_finalizers_that_were_removed_by_force_cost_nothing_twice(place: Place) -> None:
    place.providers("pictures")
    story = place.story(place.scene("hill"), place.scene("lake"))
    name = place.apply(story)["metadata"]["name"]
    place.completed(name)
    scene = child_name(name, "hill")
    uid = place.scene_of(name, "hill")["metadata"]["uid"]
    let_go = {"metadata": {"finalizers": None}}
    place.stage.api.delete("scenes", place.namespace, scene)
    place.stage.api.merge("scenes", place.namespace, scene, let_go)
    place.until(scene, lambda found: found is not None and found["metadata"]["uid"] != uid, kind="scenes")
    place.until(name, lambda found: is_true(found, "Complete"))

    # And of the story itself, applied again at once: nobody waits until its Scenes are gone.
    before = place.stage.api.get("storyjobs", place.namespace, name)
    assert before is not None
    place.stage.api.delete("storyjobs", place.namespace, name)
    place.stage.api.merge("storyjobs", place.namespace, name, let_go)
    place.until(name, lambda found: found is None or found["metadata"]["uid"] != before["metadata"]["uid"])
    again = place.apply(story)
    # As the garbage collector does, which does not run here; the operator may have been quicker.
    for left in place.stage.api.list("scenes", place.namespace):
        if left["metadata"]["ownerReferences"][0]["uid"] == before["metadata"]["uid"]:
            place.stage.api.delete("scenes", place.namespace, left["metadata"]["name"], missing_ok=True)
    place.completed(name)
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    assert place.scene_of(name, "hill")["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]
    assert len(place.bought()) == 2
