"""One story by every type of provider at once, while their vendors misbehave: a film, and each thing bought once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from storyjob.providers.registry import provider_types
from support.accounts import vendor_of
from support.declared import example
from support.google import service_account_key
from support.place import Place

Json = dict[str, Any]

SOON = {"initialSeconds": 1, "factor": 1}
WIDE = {"ratio": "1280:720"}
HERE = {"location": "us-central1"}
WISHES: dict[str, list[tuple[str, str, str, Json]]] = {
    "hill": [
        ("image", "replicate", "black-forest-labs/flux-dev", {}),
        ("audio", "elevenlabs", "eleven_flash_v2_5", {}),
    ],
    "lake": [("image", "fal", "fal-ai/flux/dev", {}), ("audio", "openai", "gpt-4o-mini-tts", {})],
    "moon": [("image", "luma", "photon-1", {}), ("audio", "google-tts", "chirp3-hd", {})],
    "barn": [("image", "runway", "gen4_image", WIDE), ("audio", "elevenlabs", "eleven_flash_v2_5", {})],
    "road": [("image", "openai", "gpt-image-2.5-flare", {}), ("audio", "fal", "fal-ai/minimax/speech-02-hd", {})],
    "wood": [("image", "gemini", "gemini-3.1-flash-image", {})],
    "mill": [("image", "google-imagen", "imagen-4.0-generate-001", HERE)],
    "pond": [("image", "bfl", "flux-2-pro", {})],
    "nest": [("image", "http", "black-forest-labs/flux-dev", {})],
    "dawn": [("video", "replicate", "wan-video/wan-2.2-t2v-fast", {})],
    "rain": [("video", "vertex-veo", "veo-3.1-fast-generate-001", HERE | {"durationSeconds": 4})],
    "wind": [("video", "runway", "gen4.5", WIDE)],
    "dusk": [("video", "fal", "fal-ai/wan-i2v", {})],
}
VOICES = {"elevenlabs": "aria", "openai": "alloy", "google-tts": "en-US-Chirp3-HD-Charon", "fal": "Wise_Woman"}
FAULTS: dict[str, Json] = {
    "hill": {"fault": "status", "status": 429, "code": "system_busy", "match": {"vendor": "elevenlabs"}},
    "lake": {"fault": "status", "status": 429, "retry_after": 1, "match": {"vendor": "fal"}},
    "moon": {"fault": "duplicate-webhook", "match": {"vendor": "luma"}},
    "barn": {"fault": "status", "status": 502, "match": {"vendor": "runway", "route": "poll"}},
    "road": {"fault": "lost-webhook", "match": {"vendor": "fal"}},
    "pond": {"fault": "status", "status": 429, "match": {"vendor": "bfl"}},
    "nest": {"fault": "status", "status": 503, "times": 2, "match": {"route": "download"}},
    "dawn": {"fault": "fail"},
    "rain": {"fault": "not-json", "match": {"route": "poll"}},
    "dusk": {"fault": "accept-then-drop"},
}
REFUSED = {("elevenlabs", "rejected 429"): 1, ("fal", "rejected 429"): 1, ("bfl", "rejected 429"): 1}
FAILED = {("replicate", "video"): 1}
"""Jobs that were taken and failed: bought a second time, as the story allows."""


def providers(place: Place) -> dict[str, str]:
    """Apply a MediaProvider of each type and return their names by type."""
    url = place.stage.simulator_url
    account = f"account-{place.tag}"
    place.secret(account, {"json": service_account_key(token_uri=f"{url}/oauth2/token")})
    with_account = {"credentials": {"secretRef": {"name": account, "key": "json"}}}
    key = {"secretRef": {"name": "keys", "key": "replicate"}}
    # Polled, so that the key of its callbacks, which the example asks for, is never used.
    replicate = {"endpoint": f"{url}/replicate", "credentials": key, "webhook": key, "completion": "Poll"}
    special: dict[str, Json] = {
        "google-imagen": with_account,
        "vertex-veo": with_account | {"output": {"gcsPrefix": "gs://films/all", "endpoint": f"{url}/gcs"}},
        "http": replicate | {"http": example("replicate")["spec"]["http"]},
    }
    price = {"polling": SOON, "prices": [{"model": "*", "perGeneration": "0.01"}]}
    return {
        type_: place.provider(name=f"{type_}-{place.tag}", type=type_, **price | special.get(type_, {}))
        for type_ in provider_types()
    }


def scenes(place: Place, names: dict[str, str]) -> list[Json]:
    """Return the scenes, each step by the provider that it names."""
    found = []
    for name, wishes in WISHES.items():
        scene = place.scene(name, *(step for step, *_ in wishes))
        for step, type_, model, inputs in wishes:
            maker: Json = {"providerRef": {"name": names[type_]}, "model": model, "input": inputs}
            scene[step] |= maker | ({"voice": VOICES[type_]} if step == "audio" else {})
        found.append(scene)
    return found


def strike(place: Place) -> None:
    for scene, fault in FAULTS.items():
        match = {"prompt_contains": f"{place.tag} {scene}"} | fault.get("match", {})
        place.stage.fault(**fault | {"match": match})


def test_a_story_by_all_providers_at_once_is_bought_exactly_once(place: Place) -> None:
    wished = [(step, type_) for wishes in WISHES.values() for step, type_, *_ in wishes]
    assert {type_ for _, type_ in wished} == set(provider_types()), "a new type belongs into this story"
    strike(place)

    name = place.make(*scenes(place, providers(place)), retry={"limit": 1, "backoffSeconds": 1})
    story = place.until(name, lambda found: found["status"].get("phase") in ("Completed", "Failed"), seconds=180)[-1]
    assert story["status"]["phase"] == "Completed", story["status"]["message"]

    entries = place.bought()
    taken = Counter((entry["vendor"], entry["kind"]) for entry in entries if entry["job_id"] is not None)
    wanted = Counter((vendor_of(type_), step) for step, type_ in wished)
    assert taken == wanted + Counter(FAILED)
    turned_away = Counter((entry["vendor"], entry["outcome"]) for entry in entries if entry["job_id"] is None)
    assert turned_away == Counter(REFUSED)

    assert [entry["outcome"] for entry in entries if entry["kind"] == "video"].count("dropped-after-accept") == 1
    left = [fault for fault in place.stage.http.get("/_sim/faults").json() if place.tag in str(fault)]
    assert left == [], "every fault struck"

    steps = {(scene, step): place.step_of(name, scene, step) for scene, wishes in WISHES.items() for step, *_ in wishes}
    jobs = [step["jobId"] for step in steps.values() if "jobId" in step]
    assert len(set(jobs)) == len(jobs)
    assert {step["phase"] for step in steps.values()} == {"Succeeded"}
    costs = [Decimal(step["cost"]) + Decimal(step.get("previousCost", "0")) for step in steps.values()]
    assert Decimal(story["status"]["cost"]["spent"]) == sum(costs)
    assert story["status"]["cost"]["possibleDuplicate"] == "0"
    assert steps["dawn", "video"]["failures"] == 1
    assert place.read(story["status"]["outputs"]["film"]["uri"])[4:8] == b"ftyp"
    first, second = [entry for entry in entries if entry["vendor"] == "elevenlabs" and entry["job_id"] is not None]
    assert second["after"] == [first["job_id"]], "the second narration goes on from the first"
