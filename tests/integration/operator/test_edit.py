"""A story is edited like code: only what changed is made anew."""

from __future__ import annotations

import copy
import json
from typing import Any

from storyjob.planning.children import child_name
from support.place import Place
from support.simulator import eventually

Json = dict[str, Any]


def manifest_of(place: Place, story: Json) -> Json:
    found: Json = json.loads(place.read(story["status"]["outputs"]["manifest"]["uri"]))
    return found


def film_of(story: Json) -> str:
    return str(story["status"]["outputs"]["film"]["sha256"])


def test_only_the_changed_step_is_bought_again(place: Place) -> None:
    place.providers("pictures", "voice")
    wish = place.story(place.scene("hill", "image", "audio"), place.scene("lake", "image", "audio"))
    name = wish["metadata"]["name"]
    place.apply(wish)
    before = place.completed(name)
    assert len(place.bought()) == 4

    wish["spec"]["scenes"][1]["image"]["prompt"] += " at night"
    place.apply(wish)
    after = place.completed(name)
    assert [entry["text"] for entry in place.bought()[4:]] == [f"{place.tag} lake at night"]
    assert film_of(after) != film_of(before)
    # 0.025 more, and the money of before is not forgotten.
    assert round(float(after["status"]["cost"]["spent"]) - float(before["status"]["cost"]["spent"]), 6) == 0.025

    wish["spec"]["scenes"][1]["image"]["prompt"] = f"{place.tag} lake"
    place.apply(wish)
    again = place.completed(name)
    assert len(place.bought()) == 5, "what was bought once is found again"
    assert film_of(again) == film_of(before)
    assert again["status"]["cost"]["spent"] == after["status"]["cost"]["spent"]


def test_a_renamed_scene_costs_nothing(place: Place) -> None:
    place.providers("pictures")
    wish = place.story(place.scene("hill"), place.scene("lake"))
    name = wish["metadata"]["name"]
    place.apply(wish)
    before = place.completed(name)

    wish["spec"]["scenes"][0]["name"] = "mountain"
    place.apply(wish)
    after = place.completed(name)
    assert len(place.bought()) == 2
    assert [scene["name"] for scene in manifest_of(place, after)["scenes"]] == ["mountain", "lake"]
    assert place.step_of(name, "mountain")["reused"] is True
    eventually(lambda: place.stage.api.get("scenes", place.namespace, child_name(name, "hill")) is None)
    assert place.completed(name)["status"]["cost"]["spent"] == before["status"]["cost"]["spent"]


def test_scenes_can_be_added_moved_and_removed(place: Place) -> None:
    place.providers("pictures")
    wish = place.story(place.scene("hill"), place.scene("lake"))
    name = wish["metadata"]["name"]
    place.apply(wish)
    place.completed(name)

    wish["spec"]["scenes"] = [place.scene("lake"), place.scene("tree"), place.scene("hill")]
    place.apply(wish)
    grown = place.completed(name)
    assert [entry["text"] for entry in place.bought()[2:]] == [f"{place.tag} tree"]
    assert [scene["name"] for scene in manifest_of(place, grown)["scenes"]] == ["lake", "tree", "hill"]

    wish["spec"]["scenes"] = [place.scene("tree")]
    place.apply(wish)
    shrunk = place.completed(name)
    assert len(place.bought()) == 3
    assert [scene["name"] for scene in manifest_of(place, shrunk)["scenes"]] == ["tree"]
    eventually(lambda: place.stage.api.get("scenes", place.namespace, child_name(name, "hill")) is None)
    story = place.until(name, lambda found: found["status"]["cost"].get("retired") == "0.05")[-1]
    assert story["status"]["cost"]["spent"] == "0.075"


def test_a_wish_that_changes_while_it_is_granted_is_finished_and_kept(place: Place) -> None:
    place.providers("pictures", polling={"initialSeconds": 2, "factor": 1})
    place.stage.fault("lost-webhook", match={"prompt_contains": place.tag})
    wish = place.story(place.scene("hill"))
    name = wish["metadata"]["name"]
    place.apply(wish)
    place.phase_until(name, "hill", "Running")

    edited = copy.deepcopy(wish)
    edited["spec"]["scenes"][0]["image"]["prompt"] += " at night"
    place.apply(edited)
    place.completed(name)
    assert [entry["text"] for entry in place.bought()] == [f"{place.tag} hill", f"{place.tag} hill at night"]
    first, second = place.bought()
    assert (first["state"], second["state"]) == ("succeeded", "succeeded")

    place.apply(wish)
    story = place.completed(name)
    assert len(place.bought()) == 2, "the first wish was kept under its own name"
    assert story["status"]["cost"]["spent"] == "0.05"


def test_a_story_applied_again_costs_nothing(place: Place) -> None:
    place.providers("pictures", "voice")
    wish = place.story(place.scene("hill", "image", "audio"), place.scene("lake"))
    name = place.apply(wish)["metadata"]["name"]
    before = place.completed(name)
    bought = len(place.bought())
    place.delete(name)

    place.apply(wish)
    after = place.completed(name)
    assert len(place.bought()) == bought
    assert after["status"]["outputs"] == before["status"]["outputs"], "the film itself is found again"
    assert after["status"]["scenes"]["reused"] == 2
    assert after["status"]["cost"]["spent"] == "0"


def test_regenerate_buys_a_scene_anew_and_nothing_else(place: Place) -> None:
    place.providers("pictures")
    wish = place.story(place.scene("hill"), place.scene("lake"))
    name = place.apply(wish)["metadata"]["name"]
    place.completed(name)
    wish["spec"]["scenes"][0]["regenerate"] = "2"
    place.apply(wish)
    place.completed(name)
    assert sorted(entry["text"].split()[1] for entry in place.bought()) == ["hill", "hill", "lake"]


def test_bypassing_the_cache_buys_what_is_there_already(place: Place) -> None:
    place.providers("pictures")
    place.completed(place.make(name="first"))
    place.completed(place.make(name="second"))
    assert len(place.bought()) == 1, "stories of one namespace share what was bought"
    place.completed(place.make(name="third", cache="Bypass"))
    assert len(place.bought()) == 2


def test_a_scene_of_ones_own_costs_nothing(place: Place) -> None:
    place.providers("pictures")
    first = place.completed(place.make(name="first"))
    picture = place.read(place.step_of(first["metadata"]["name"], "forest")["output"]["uri"])
    uri = place.upload("mine.webp", picture)
    own = {"name": "own", "source": {"uri": uri}, "seconds": 0.6}
    story = place.completed(place.make(own, name="second"))
    assert len(place.bought()) == 1
    assert story["status"]["cost"]["spent"] == "0"
    assert manifest_of(place, story)["scenes"][0]["source"]["uri"] == uri
    assert story["status"]["outputs"]["film"]["durationSeconds"] > 0.5
