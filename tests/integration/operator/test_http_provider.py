"""Services that nobody wrote an adapter for, described in a MediaProvider: the examples, with the real operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from storyjob.local.port import LOOPBACK
from storyjob.local.s3 import Bucket
from storyjob.planning.children import child_name
from support.controlplane import Cluster
from support.declared import example
from support.kstatus import condition, has_ended, is_true, kstatus
from support.place import Place
from support.services.comfyui import CHECKPOINT, ComfyUi
from support.services.service import Service, serving_apart
from support.services.studio import KEY, SIGNING, Studio
from support.simulator import eventually
from support.stage import Casting, Stage, on_stage

Json = dict[str, Any]

NEVER = {"initialSeconds": 3600, "maxSeconds": 3600}  # polls: whatever ends, ends by its callback
SOON = {"initialSeconds": 1, "factor": 1}


@pytest.fixture(scope="module")
def open_stage(crds: Cluster, s3: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose operator may reach every port of this machine."""
    casting = Casting(settings={"STORYJOB_ALLOWED_HOSTS": LOOPBACK})
    with on_stage(crds, s3, tmp_path_factory.mktemp("services"), casting=casting) as stage:
        yield stage


@pytest.fixture
def place(open_stage: Stage) -> Place:
    place = Place(open_stage, open_stage.namespaces[0])
    place.secret("studio", {"key": KEY, "signing": SIGNING})
    return place


@pytest.fixture
def studio() -> Iterator[Studio]:
    service = Studio()
    with serving_apart(service):
        yield service


@pytest.fixture
def comfyui() -> Iterator[ComfyUi]:
    service = ComfyUi()
    with serving_apart(service):
        yield service


def describe(place: Place, name: str, service: Service, *, http: Json | None = None, **spec: Any) -> str:
    """Apply an example at the service's address, changed where a test needs it; return the MediaProvider's name."""
    manifest = example(name)
    manifest["metadata"]["name"] = f"{name}-{place.tag}"
    manifest["spec"] |= {"endpoint": service.url} | spec
    manifest["spec"]["http"] |= http or {}
    place.stage.api.apply("mediaproviders", place.namespace, manifest)
    return str(manifest["metadata"]["name"])


def story(place: Place, provider: str, *scenes: Json, model: str = "house-1") -> str:
    """Apply a story whose pictures and clips one provider makes; return its name."""
    maker = {"providerRef": {"name": provider}, "model": model}
    whole = place.story(*scenes)
    whole["spec"]["defaults"] = {"image": maker, "video": maker}
    return str(place.apply(whole)["metadata"]["name"])


def moved(place: Place, name: str) -> Json:
    """Return a scene with a picture and a clip that starts from it."""
    scene = place.scene(name, "image", "video")
    scene["video"]["from"] = "image"
    return scene


def test_a_service_that_calls_back_makes_a_film(place: Place, studio: Studio) -> None:
    provider = describe(place, "webhook", studio, polling=NEVER)

    name = story(place, provider, place.scene("hill"), moved(place, "lake"))
    status = place.completed(name)["status"]

    kinds = sorted(job["wish"]["kind"] for job in studio.bought)
    assert kinds == ["image", "image", "video"]
    assert len({job["key"] for job in studio.bought}) == 3
    clip = next(job["wish"] for job in studio.bought if job["wish"]["kind"] == "video")
    assert clip["still"].startswith("data:image/png;base64,")
    # The next poll is an hour away: it was the callbacks that told the ends, and one question each was enough.
    assert studio.callbacks.count(200) == 3
    assert len([asked for asked in studio.asked if asked.path.startswith("/v1/jobs/")]) == 3
    assert status["cost"]["spent"] == "0.06"
    assert place.step_of(name, "lake", "video")["output"]["contentType"] == "video/mp4"
    assert KEY not in json.dumps([place.scene_of(name, scene) for scene in ("hill", "lake")])


def test_a_service_without_a_key_is_polled(place: Place, comfyui: ComfyUi) -> None:
    provider = describe(place, "comfyui", comfyui, polling=SOON)

    name = story(place, provider, place.scene("hill"), place.scene("lake"), model=CHECKPOINT)
    place.completed(name)

    assert len(comfyui.bought) == 2
    assert {job["graph"]["6"]["inputs"]["text"] for job in comfyui.bought} == {
        f"{place.tag} hill",
        f"{place.tag} lake",
    }
    assert place.step_of(name, "hill")["output"]["contentType"] == "image/png"


def test_two_services_are_not_the_same_though_their_models_are_called_alike(place: Place, studio: Studio) -> None:
    scene = place.scene("hill")
    first = describe(place, "webhook", studio)
    name = story(place, first, scene)
    place.completed(name)
    other = example("webhook")
    other["metadata"]["name"] = f"other-{place.tag}"
    other["spec"]["endpoint"] = studio.url
    place.stage.api.apply("mediaproviders", place.namespace, other)

    patch = {"spec": {"defaults": {"image": {"providerRef": {"name": f"other-{place.tag}"}}}}}
    generation = place.stage.api.merge("storyjobs", place.namespace, name, patch)["metadata"]["generation"]
    place.until(name, lambda found: found["status"]["observedGeneration"] == generation and has_ended(found))

    assert len(studio.bought) == 2


def test_a_description_that_cannot_work_stalls_and_buys_nothing_until_it_is_mended(
    place: Place, studio: Studio
) -> None:
    extract = example("webhook")["spec"]["http"]["extract"]
    provider = describe(place, "webhook", studio, http={"extract": extract | {"jobId": "id["}})
    name = story(place, provider, place.scene("hill"))

    found = place.until(provider, lambda each: is_true(each, "Stalled"), kind="mediaproviders")[-1]
    stalled = place.until(name, lambda each: is_true(each, "Stalled"))[-1]

    assert kstatus(found) == "Failed"
    for told in (found, stalled):
        assert condition(told, "Stalled")["reason"] == "InvalidSpec"
        assert "spec.http.extract.jobId: 'id[' is not JMESPath" in condition(told, "Stalled")["message"]
    assert studio.asked == []

    describe(place, "webhook", studio)
    place.until(name, lambda each: each["status"]["phase"] == "Completed")
    assert len(studio.bought) == 1


def test_a_result_that_cannot_be_read_waits_for_the_mended_description(place: Place, studio: Studio) -> None:
    extract = example("webhook")["spec"]["http"]["extract"]
    wrong = extract | {"output": {"kind": "Url", "value": "result.link"}}
    provider = describe(place, "webhook", studio, http={"extract": wrong}, polling=SOON)
    name = story(place, provider, place.scene("hill"))

    place.phase_until(name, "hill", "Running")
    (event,) = eventually(lambda: place.events(child_name(name, "hill")))
    assert event["type"] == "Warning"
    assert "spec.http.extract.output.value (result.link) finds nothing" in event["note"]
    assert place.step_of(name, "hill")["phase"] == "Running"

    describe(place, "webhook", studio, polling=SOON)
    place.completed(name)
    assert len(studio.bought) == 1
