"""Deadlines stop the money, and what has outlived its time is cleaned away; media stay."""

from __future__ import annotations

from storyjob.planning.children import child_name
from support.kstatus import condition, kstatus
from support.place import Place


def test_at_the_deadline_nothing_more_is_bought_and_what_runs_is_collected(place: Place) -> None:
    # The deadline leaves a slow machine time to begin; the first poll comes only after it.
    place.providers("pictures", polling={"initialSeconds": 8, "factor": 1})
    place.stage.fault("lost-webhook", match={"prompt_contains": place.tag})
    wish = place.story(place.scene("hill"), place.scene("lake"), parallelism={"image": 1}, activeDeadlineSeconds=6)
    name = place.apply(wish)["metadata"]["name"]
    story = place.ended(name)
    assert story["status"]["phase"] == "Failed"
    assert condition(story, "Failed")["reason"] == "DeadlineExceeded"
    assert kstatus(story) == "Failed"
    assert place.step_of(name, "hill")["phase"] == "Succeeded"
    assert [entry["text"].split()[1] for entry in place.bought()] == ["hill"]

    # More time is an edit: the clock begins anew, and nothing is bought twice.
    place.apply(wish | {"spec": wish["spec"] | {"activeDeadlineSeconds": 600}})
    place.completed(name)
    assert [entry["text"].split()[1] for entry in place.bought()] == ["hill", "lake"]


def test_a_story_that_has_outlived_its_time_goes_and_its_film_stays(place: Place) -> None:
    place.providers("pictures")
    name = place.make(ttlSecondsAfterFinished=0)
    history = place.until(name, lambda found: found is None)
    film = next(each["status"]["outputs"]["film"] for each in reversed(history) if each["status"].get("outputs"))
    assert place.read(film["uri"])[4:8] == b"ftyp"
    found = place.stage.api.list("scenes", place.namespace)
    assert not [each for each in found if each["spec"]["storyRef"]["name"] == name]


def test_a_job_that_takes_too_long_is_cancelled_and_tried_again(place: Place) -> None:
    place.provider("pictures", timeoutSeconds=3600)
    place.stage.fault("never-finish", match={"prompt_contains": place.tag})
    name = place.make()
    place.phase_until(name, "forest", "Running")
    # As if the hour were over.
    patch = {"status": {"steps": {"image": {"submittedAt": "2026-01-01T00:00:00Z"}}}}
    scene = child_name(name, "forest")
    place.stage.api.merge("scenes", place.namespace, scene, patch, subresource="status")
    story = place.completed(name)
    assert [entry["state"] for entry in place.bought()] == ["canceled", "succeeded"]
    assert place.step_of(name, "forest")["failures"] == 1
    assert story["status"]["scenes"]["succeeded"] == 1
