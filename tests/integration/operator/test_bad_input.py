"""What only the operator can see to be wrong is told with a stable reason, the field and the remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.planning.children import child_name
from support.kstatus import condition, is_true, kstatus
from support.place import MODELS, Place
from support.simulator import eventually

Json = dict[str, Any]


def stalled(place: Place, name: str, reason: str, *words: str) -> Json:
    """Return a story once it stalls; the condition and one Event must say why."""
    story = place.until(name, lambda found: is_true(found, "Stalled"))[-1]
    told = condition(story, "Stalled")
    assert told["reason"] == reason
    for word in words:
        assert word in told["message"]
    assert kstatus(story) == "Failed"
    assert place.bought() == []
    return story


def told_once(place: Place, name: str, reason: str) -> bool:
    """Tell whether one warning came, and no other."""

    def warnings() -> list[Json]:
        return [event for event in place.events(name) if event["type"] == "Warning"]

    eventually(warnings)
    return [event["reason"] for event in warnings()] == [reason]


def test_a_missing_provider_is_told_and_its_coming_noticed(place: Place) -> None:
    name = place.make()
    stalled(place, name, "ProviderNotFound", "spec.scenes[forest].image.providerRef", "create it or name another")
    place.provider("pictures")
    story = place.until(name, lambda found: found["status"]["phase"] == "Completed")[-1]
    assert not is_true(story, "Stalled")
    assert told_once(place, name, "ProviderNotFound")


def test_a_missing_provider_stops_only_the_scenes_that_need_it(place: Place) -> None:
    place.providers("pictures")
    name = place.make(place.scene("hill"), place.scene("lake", "image", "audio"))
    place.phase_until(name, "hill", "Succeeded")
    story = place.until(name, lambda found: is_true(found, "Stalled") and found["status"]["scenes"]["succeeded"])[-1]
    assert condition(story, "Stalled")["reason"] == "ProviderNotFound"
    place.provider("voice")
    place.until(name, lambda found: found["status"]["phase"] == "Completed")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"name": "absent"}, 'Secret "absent-{tag}" does not exist', id="no Secret"),
        pytest.param({"key": "other"}, 'has no key "other"', id="no such key"),
        pytest.param({"labels": {}}, "lacks the label storyjob.dev/credentials", id="no label"),
    ],
)
def test_credentials_that_cannot_be_read_are_told_and_their_mending_noticed(
    place: Place, wrong: Json, words: str
) -> None:
    secret, key = f"{wrong.get('name', 'keys')}-{place.tag}", wrong.get("key", "token")
    if "name" not in wrong:
        place.secret(secret, {"token": "r8_simulator"}, labels=wrong.get("labels"))
    provider = place.provider(credentials={"secretRef": {"name": secret, "key": key}})
    name = place.make()
    stalled(place, name, "CredentialsUnavailable", provider, words.format(tag=place.tag))
    found = place.until(provider, lambda each: is_true(each, "Stalled"), kind="mediaproviders")[-1]
    assert kstatus(found) == "Failed"
    assert words.format(tag=place.tag) in condition(found, "Stalled")["message"]

    place.secret(secret, {key: "r8_simulator"})
    place.until(name, lambda story: story["status"]["phase"] == "Completed")
    assert told_once(place, name, "CredentialsUnavailable")


def test_a_provider_that_cannot_make_this_kind_of_media_is_told(place: Place) -> None:
    place.providers("voice")
    wrong = {"prompt": place.tag, "providerRef": {"name": place.names["voice"]}, "model": MODELS["voice"]}
    name = place.make(place.scene("hill", image=wrong))
    stalled(place, name, "ProviderMismatch", "spec.scenes[hill].image.providerRef", "elevenlabs", "makes no image")


def test_a_request_without_a_model_is_told(place: Place) -> None:
    place.providers("pictures")
    story = place.story()
    del story["spec"]["defaults"]["image"]["model"]
    name = place.apply(story)["metadata"]["name"]
    stalled(place, name, "InvalidSpec", "spec.scenes[forest].image has no model", "spec.defaults.image")


@pytest.mark.parametrize(
    ("depends", "reason", "words"),
    [
        pytest.param({"hill": ["lake"], "lake": ["hill"]}, "DependencyCycle", "hill → lake → hill", id="a circle"),
        pytest.param({"hill": ["moon"]}, "UnknownScene", 'spec.scenes[hill].dependsOn names "moon"', id="a stranger"),
    ],
)
def test_dependencies_that_cannot_be_met_are_told_before_anything_is_bought(
    place: Place, depends: dict[str, list[str]], reason: str, words: str
) -> None:
    place.providers("pictures")
    scenes = [place.scene(each, dependsOn=depends.get(each, [])) for each in ("hill", "lake")]
    name = place.make(*scenes)
    stalled(place, name, reason, words)
    assert place.stage.api.get("scenes", place.namespace, child_name(name, "hill")) is None

    story = place.story(place.scene("hill"), place.scene("lake"))
    place.apply(story)
    place.completed(name)
    assert told_once(place, name, reason)


def test_a_scene_that_belongs_to_somebody_else_is_left_alone(place: Place) -> None:
    place.providers("pictures")
    name = place.named("story")
    spec = {"storyRef": {"name": "another"}, "name": "forest", "index": 0, "image": {"prompt": "mine"}}
    stranger = {
        "apiVersion": "storyjob.dev/v1alpha1",
        "kind": "Scene",
        "metadata": {"name": child_name(name, "forest")},
        "spec": spec,
    }
    place.stage.api.apply("scenes", place.namespace, stranger)
    place.make()
    stalled(place, name, "NameConflict", "spec.scenes[forest]", child_name(name, "forest"), "delete it or rename")
    assert place.scene_of(name, "forest")["spec"]["image"]["prompt"] == "mine"

    place.stage.api.delete("scenes", place.namespace, child_name(name, "forest"))
    place.until(name, lambda found: found["status"]["phase"] == "Completed")


def test_a_source_that_is_not_there_is_told_and_its_coming_noticed(place: Place) -> None:
    place.providers("pictures")
    first = place.completed(place.make(name="first"))
    picture = place.read(place.step_of(first["metadata"]["name"], "forest")["output"]["uri"])
    uri = f"s3://{place.stage.bucket.name}/storyjob/{place.namespace}/{place.tag}/mine.webp"
    name = place.make({"name": "own", "source": {"uri": uri}, "seconds": 0.4}, name="second")
    story = place.until(name, lambda found: is_true(found, "Stalled"))[-1]
    assert condition(story, "Stalled")["reason"] == "SourceUnavailable"
    assert uri in condition(story, "Stalled")["message"]
    assert "upload it" in condition(story, "Stalled")["message"]

    place.upload("mine.webp", picture)
    place.retry(name)
    place.until(name, lambda found: found["status"]["phase"] == "Completed")


@pytest.mark.parametrize("elsewhere", ["storyjob/another-team/mine.mp4", "private/mine.mp4"])
def test_a_source_outside_the_namespace_is_not_read(place: Place, elsewhere: str) -> None:
    name = place.make({"name": "own", "source": {"uri": f"s3://{place.stage.bucket.name}/{elsewhere}"}})
    allowed = f"s3://{place.stage.bucket.name}/storyjob/{place.namespace}/"
    stalled(place, name, "SourceUnavailable", "spec.scenes[own].source", "may not be read", allowed)


def test_a_host_that_is_not_allowed_gets_no_credentials(place: Place) -> None:
    provider = place.provider(endpoint="http://127.0.0.1:9/replicate")
    name = place.make()
    story = stalled(place, name, "EndpointForbidden", provider)
    assert "r8_simulator" not in json.dumps(story)
