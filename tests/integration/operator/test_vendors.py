"""Vendors of each way to call back: signed by a published key, unsigned, and not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.accounts import KEYS
from support.place import Place

Json = dict[str, Any]

RARELY = {"initialSeconds": 3600, "maxSeconds": 3600}
"""Polls so rare that only a callback can bring a story to its end in time."""
MODELS = {
    "fal": {"image": "fal-ai/flux/dev", "audio": "fal-ai/minimax/speech-02-hd", "video": "fal-ai/wan-i2v"},
    "gemini": {"image": "gemini-3.1-flash-image", "video": "gemini-omni-1.1-flash"},
    "luma": {"image": "photon-1", "video": "ray-2"},
    "runway": {"image": "gen4_image", "video": "gen4.5"},
}
INPUTS = {"runway": {"ratio": "1280:720"}}
ROLES = {"image": "pictures", "audio": "voice", "video": "clips"}


def story_with(place: Place, type_: str, *scenes: Json, **spec: Any) -> Json:
    """Return a story whose steps are all made by one type of provider."""
    story = place.story(*scenes, **spec)
    for step, model in MODELS[type_].items():
        name = place.provider(ROLES[step], type=type_, polling=RARELY if type_ != "runway" else {"initialSeconds": 1})
        wish = {"providerRef": {"name": name}, "model": model, "input": INPUTS.get(type_, {})}
        story["spec"]["defaults"][step] = wish | ({"voice": "Wise_Woman"} if step == "audio" else {})
    return story


@pytest.mark.parametrize("type_", MODELS)
def test_a_story_by_one_vendor_is_bought_once_and_becomes_a_film(place: Place, type_: str) -> None:
    scenes = [place.scene("hill", *MODELS[type_]), place.scene("lake")]

    story = place.completed(str(place.apply(story_with(place, type_, *scenes))["metadata"]["name"]))

    entries = place.bought()
    assert sorted(entry["kind"] for entry in entries) == sorted(["image", *MODELS[type_]])
    assert {(entry["vendor"], entry["outcome"]) for entry in entries} == {(type_, "accepted")}
    assert place.read(story["status"]["outputs"]["film"]["uri"])[4:8] == b"ftyp"
    for entry in entries:
        statuses = [delivery["status"] for delivery in entry["deliveries"] if delivery["event"] == "completed"]
        assert statuses == ([] if type_ == "runway" else [200])


def test_what_runway_says_it_cost_is_what_was_spent(place: Place) -> None:
    scene = place.scene("hill", "video")

    story = place.completed(str(place.apply(story_with(place, "runway", scene))["metadata"]["name"]))

    assert float(story["status"]["cost"]["spent"]) == float(place.bought()[0]["charged"]) == 0.4


@pytest.mark.parametrize(
    ("type_", "model", "document", "where"),
    [
        pytest.param("replicate", "acme/painter", "/v1/predictions/{}", "predict_time", id="replicate"),
        pytest.param("fal", "fal-ai/flux/dev", "/fal-ai/flux/requests/{}/status", "inference_time", id="fal"),
    ],
)
def test_what_is_billed_by_compute_time_costs_what_it_ran(
    place: Place, type_: str, model: str, document: str, where: str
) -> None:
    price = {"model": "*", "perComputeSecond": "0.01", "typicalComputeSeconds": 500}
    place.provider(type=type_, prices=[price])
    story = place.story()
    story["spec"]["defaults"]["image"]["model"] = model

    done = place.completed(str(place.apply(story)["metadata"]["name"]))

    step = place.step_of(done["metadata"]["name"], "forest")
    told = place.stage.http.get(
        f"{place.stage.simulator_url}/{type_}{document.format(step['jobId'])}",
        headers={"Authorization": f"{'Key' if type_ == 'fal' else 'Bearer'} {KEYS[type_]}"},
    ).json()["metrics"]
    assert 0 < told[where] < 60
    assert float(step["cost"]) == pytest.approx(told[where] * 0.01, abs=1e-6)
    assert (step["estimatedCost"], done["status"]["cost"]["estimated"]) == ("5", "5")
    assert done["status"]["cost"]["spent"] == step["cost"]
    manifest = json.loads(place.read(done["status"]["outputs"]["manifest"]["uri"]))
    assert manifest["scenes"][0]["facts"]["image"]["cost"] == step["cost"]


def test_a_still_that_luma_cannot_fetch_is_refused_before_anything_is_bought(place: Place) -> None:
    scene = place.scene("hill", "image", "video")
    scene["video"]["from"] = "image"

    story = place.ended(str(place.apply(story_with(place, "luma", scene))["metadata"]["name"]))

    assert story["status"]["phase"] == "Failed"
    step = place.step_of(story["metadata"]["name"], "hill", "video")
    assert (step["phase"], step["reason"]) == ("Failed", "InvalidRequest")
    assert "STORYJOB_S3_PUBLIC_ENDPOINT" in step["message"]
    assert [entry["kind"] for entry in place.bought()] == ["image"]
