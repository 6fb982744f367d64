"""A story goes on with somebody else while its first choice cannot or will not, and pays once for each step."""

from __future__ import annotations

import json
from typing import Any

from support.place import Place

Json = dict[str, Any]


def spared(place: Place, on: str) -> Json:
    """Return defaults for pictures whose spare is another account of our own."""
    first, spare = place.names["pictures"], f"spare-{place.tag}"
    place.provider("pictures", name=spare, type="fal", prices=[{"model": "*", "perGeneration": "0.01"}])
    place.names["pictures"] = first
    fallback = {"providerRef": {"name": spare}, "model": "fal-ai/flux/dev", "on": [on]}
    model = "black-forest-labs/flux-dev"
    return {"image": {"providerRef": {"name": first}, "model": model, "fallbacks": [fallback]}}


def test_an_empty_account_is_stood_in_for(place: Place) -> None:
    place.provider("pictures", limits={"concurrent": 1})
    defaults = spared(place, "Quota")
    match = {"prompt_contains": place.tag, "vendor": "replicate"}
    place.stage.fault("status", status=402, message="Insufficient credit", times=None, match=match)
    name = place.make(place.scene("hill"), place.scene("lake"), defaults=defaults)
    story = place.completed(name)
    outcomes = [(entry["vendor"], entry["outcome"]) for entry in place.bought()]
    assert outcomes.count(("fal", "accepted")) == 2
    assert outcomes.count(("replicate", "rejected 402")) == 1, "one refusal speaks for all"
    assert story["status"]["cost"]["spent"] == "0.02"
    step = place.step_of(name, "hill")
    assert (step["provider"], step["model"]) == (f"spare-{place.tag}", "fal-ai/flux/dev")
    manifest = json.loads(place.read(story["status"]["outputs"]["manifest"]["uri"]))
    assert f"spare-{place.tag}" in json.dumps(manifest)

    again = place.completed(place.make(place.scene("hill"), defaults=defaults, name="again"))
    assert again["status"]["cost"]["spent"] == "0", "what was asked for is in the bucket, whoever made it"


def test_refused_content_is_asked_of_somebody_else_only_where_that_is_listed(place: Place) -> None:
    place.provider("pictures")
    defaults = spared(place, "ContentRefused")
    match = {"prompt_contains": f"{place.tag} hill", "vendor": "replicate"}
    place.stage.fault("refuse", times=None, match=match)
    name = place.make(place.scene("hill"), place.scene("lake"), defaults=defaults, retry={"limit": 0})
    place.completed(name)
    assert [entry["vendor"] for entry in place.bought("hill")] == ["replicate", "fal"]
    assert [entry["vendor"] for entry in place.bought("lake")] == ["replicate"]
    assert place.step_of(name, "hill")["fallback"] == 1
