"""OpenAI and Google bring stories to their films: media in the answer, in files that need a key, and in a bucket."""

from __future__ import annotations

from typing import Any

import pytest

from support.google import service_account_key
from support.place import Place

Json = dict[str, Any]

WISHES: dict[str, dict[str, Json]] = {
    "openai": {
        "image": {"model": "gpt-image-2.5-flare", "input": {"size": "1536x1024"}},
        "audio": {"model": "gpt-4o-mini-tts", "voice": "alloy"},
    },
    "gemini": {
        "image": {"model": "gemini-3.1-flash-image", "input": {"response_format": {"aspect_ratio": "16:9"}}},
        "video": {"model": "gemini-omni-1.1-flash", "input": {"response_format": {"duration": "4s"}}},
    },
}
ROLES = {"image": "pictures", "audio": "voice", "video": "clips"}


def wish(place: Place, story: Json, step: str, type_: str, more: Json, **spec: Any) -> None:
    """Have one step of a story made by a provider of our own."""
    name = place.provider(ROLES[step], type=type_, **spec)
    story["spec"]["defaults"][step] = {"providerRef": {"name": name}, **more}


def finished(place: Place, story: Json) -> Json:
    return place.completed(str(place.apply(story)["metadata"]["name"]))


@pytest.mark.parametrize("type_", WISHES)
def test_a_story_by_one_vendor_is_bought_once_and_becomes_a_film(place: Place, type_: str) -> None:
    story = place.story(place.scene("hill", *WISHES[type_]), place.scene("lake"))
    for step, more in WISHES[type_].items():
        wish(place, story, step, type_, more)

    done = finished(place, story)

    entries = place.bought()
    assert sorted(entry["kind"] for entry in entries) == sorted(["image", *WISHES[type_]])
    assert {(entry["vendor"], entry["outcome"]) for entry in entries} == {(type_, "accepted")}
    assert place.read(done["status"]["outputs"]["film"]["uri"])[4:8] == b"ftyp"


def test_a_clip_in_a_bucket_of_the_users_is_read_with_a_service_account(place: Place) -> None:
    url = place.stage.simulator_url
    place.secret(f"account-{place.tag}", {"json": service_account_key(token_uri=f"{url}/oauth2/token")})
    account = {"credentials": {"secretRef": {"name": f"account-{place.tag}", "key": "json"}}}
    bucket = {"gcsPrefix": "gs://films/story", "endpoint": f"{url}/gcs"}
    here = {"location": "us-central1"}
    scene = place.scene("hill", "image", "audio", "video")
    scene["video"]["from"] = "image"
    story = place.story(scene)
    wish(place, story, "image", "google-imagen", {"model": "imagen-4.0-generate-001", "input": here}, **account)
    wish(place, story, "audio", "google-tts", {"model": "chirp3-hd", "voice": "en-US-Chirp3-HD-Charon"})
    clip = {"model": "veo-3.1-fast-generate-001", "input": {**here, "durationSeconds": 4}}
    wish(place, story, "video", "vertex-veo", clip, output=bucket, **account)

    done = finished(place, story)

    entries = place.bought()
    assert sorted(entry["kind"] for entry in entries) == ["audio", "image", "video"]
    assert {entry["outcome"] for entry in entries} == {"accepted"}
    step = place.step_of(done["metadata"]["name"], "hill", "video")
    assert place.read(step["output"]["uri"])[4:8] == b"ftyp"
    headers = {"Authorization": "Bearer ya29.simulator"}
    listing = place.stage.http.get("/gcs/storage/v1/b/films/o?prefix=story/", headers=headers).json()
    assert f"story/{step['tokenHash']}/" in str(listing["items"])
