"""Writes are what limits throughput, so they are counted, by the API server itself."""

from __future__ import annotations

import time
from collections import Counter

from storyjob.reconcile.providerstatus import COUNTS_SECONDS
from support.api_server import ApiServer
from support.place import Place

NEVER = {"initialSeconds": 3600, "maxSeconds": 3600}
IDLE_SECONDS = 12.0  # longer than the provider's timer
OURS = ("storyjobs", "scenes", "mediaproviders", "events", "secrets")
SCENE_BUDGET = 11  # create, delete, finalizer; and 4 for a step with webhooks, fewer for others

Writes = Counter[tuple[str, str, str]]


def ours(api: ApiServer) -> Writes:
    """Return the writes to kinds that the operator writes."""
    return Counter({key: n for key, n in api.writes().items() if key[0] in OURS})


def quiet(api: ApiServer) -> Writes:
    """Wait until nothing of what was before is written any more, counts of providers included; return the counts."""
    before, still = ours(api), 0.0
    for _ in range(120):
        time.sleep(1.0)
        now = ours(api)
        still = still + 1.0 if now == before else 0.0
        if still > COUNTS_SECONDS:
            return now
        before = now
    raise AssertionError(f"it never became quiet: {before}")


def since(before: Writes, api: ApiServer) -> Writes:
    return ours(api) - before


def test_a_scene_costs_few_writes_over_its_whole_life(place: Place) -> None:
    place.providers("pictures", "voice", "clips", polling=NEVER)
    api, count = place.stage.api, 4
    place.completed(place.make(place.scene("first", "image", "audio", "video"), name="first"))  # finalizers, keys
    before = quiet(api)
    name = place.make(*[place.scene(f"scene-{each}", "image", "video") for each in range(count)], name="called-back")
    place.completed(name)
    place.delete(name)
    written = since(before, api)
    scenes = sum(number for (kind, _, _), number in written.items() if kind == "scenes")
    assert scenes <= SCENE_BUDGET * count, written
    assert written["scenes", "", "POST"] == count
    assert written["mediaproviders", "status", "PATCH"] == 0

    before = quiet(api)
    name = place.make(*[place.scene(f"other-{each}", "image", "audio") for each in range(count)], name="spoken")
    place.completed(name)
    place.delete(name)
    written = since(before, api)
    scenes = sum(number for (kind, _, _), number in written.items() if kind == "scenes")
    assert scenes <= (SCENE_BUDGET - 2) * count, written


def test_an_idle_operator_writes_nothing(place: Place) -> None:
    place.providers("pictures", "voice")
    place.completed(place.make(name="done"))
    place.stage.fault("refuse", match={"prompt_contains": f"{place.tag} refused"})
    place.ended(place.make(place.scene("refused"), name="failed"))
    place.until(
        place.make(place.scene("later"), name="suspended", suspend=True),
        lambda found: found["status"].get("phase") == "Suspended",
    )
    api = place.stage.api
    before = quiet(api)
    time.sleep(IDLE_SECONDS)
    assert since(before, api) == Counter()
