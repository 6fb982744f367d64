"""Limits hold, and nothing waits longer than they say: slots, rates, priorities, batches, order."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from itertools import pairwise
from typing import Any

from support.place import Place
from support.simulator import eventually

Json = dict[str, Any]

SPEECH_SECONDS = 0.2  # that the stage's simulator takes for a narration


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def scenes(place: Place, count: int, *steps: str, **fields: Any) -> list[Json]:
    return [place.scene(f"scene-{number}", *steps, **fields) for number in range(count)]


def most_at_once(predictions: list[Json]) -> int:
    """Return how many jobs ran at once at most, by the vendor's own account."""
    changes = [(moment(job["created_at"]), 1) for job in predictions]
    changes += [(moment(job["completed_at"]), -1) for job in predictions]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def order(place: Place, kind: str | None = None) -> list[str]:
    return [entry["text"].split()[1] for entry in place.bought(kind=kind)]


def waiting_at(place: Place, provider: str) -> int | None:
    """Return how many steps wait for room at a provider, as its status says."""
    found = place.stage.api.get("mediaproviders", place.namespace, provider) or {}
    waiting: int | None = found.get("status", {}).get("waiting")
    return waiting


def test_a_provider_is_never_given_more_than_its_limit(place: Place) -> None:
    place.provider("pictures", limits={"concurrent": 2})
    names = [place.make(*scenes(place, 3), name="one"), place.make(*scenes(place, 3, regenerate="2"), name="two")]
    for name in names:
        place.completed(name)
    jobs = place.stage.predictions(place.tag)
    assert len(jobs) == 6
    assert most_at_once(jobs) == 2


def test_a_rate_is_kept_and_its_lifting_noticed(place: Place) -> None:
    provider = place.provider("pictures", limits={"concurrent": 10, "requestsPerMinute": 2})
    name = place.make(*scenes(place, 4))
    place.until(name, lambda found: found["status"].get("scenes", {}).get("succeeded") == 2)
    other = place.make(place.scene("other"), name="other")
    place.until(other, lambda found: found["status"].get("observedGeneration") == 1)
    assert len(place.bought()) == 2, "the minute is not over"

    place.stage.api.merge("mediaproviders", place.namespace, provider, {"spec": {"limits": {"requestsPerMinute": 600}}})
    place.completed(name)
    place.completed(other)
    assert len(place.bought()) == 5


def test_a_story_with_priority_goes_first(place: Place) -> None:
    provider = place.provider("pictures", limits={"concurrent": 1})
    place.stage.fault("never-finish", match={"prompt_contains": f"{place.tag} plug"})
    plug = place.make(place.scene("plug"), name="plug")
    place.phase_until(plug, "plug", "Running")
    low = place.make(place.scene("low-1"), place.scene("low-2"), name="low", priority=-1)
    place.make(place.scene("high-1"), place.scene("high-2"), name="high", priority=5)
    # Both have said all that they want, and wait for the one slot; that is written ten seconds late.
    eventually(lambda: waiting_at(place, provider) == 4)
    place.delete(plug)
    place.completed(low)
    assert order(place) == ["plug", "high-1", "high-2", "low-1", "low-2"]
    assert provider in place.step_of(low, "low-1")["provider"]


def test_batches_begin_one_after_the_other_with_a_pause(place: Place) -> None:
    place.provider("pictures")
    name = place.make(*scenes(place, 4), batch={"size": 2, "intervalSeconds": 1})
    place.completed(name)
    intents = [moment(place.step_of(name, f"scene-{number}")["intentAt"]) for number in range(4)]
    assert set(order(place)[:2]) == {"scene-0", "scene-1"}
    assert (min(intents[2:]) - max(intents[:2])).total_seconds() >= 1


def test_narrations_come_in_order_while_pictures_come_at_once(place: Place) -> None:
    place.providers("pictures", "voice")
    place.stage.fault("never-finish", times=4, match={"prompt_contains": place.tag, "vendor": "replicate"})
    name = place.make(*scenes(place, 4, "image", "audio"))
    for number in range(4):
        place.phase_until(name, f"scene-{number}", "Running")
        place.phase_until(name, f"scene-{number}", "Succeeded", step="audio")
    assert [job["completed_at"] for job in place.stage.predictions(place.tag)] == [None] * 4, "all four run at once"
    assert order(place, "audio") == [f"scene-{number}" for number in range(4)]
    begun = [moment(entry["at"]) for entry in place.bought(kind="audio")]
    for before, after in pairwise(begun):
        assert (after - before).total_seconds() >= SPEECH_SECONDS, "the vendor spoke two at once"
    assert max(moment(entry["at"]) for entry in place.bought(kind="image")) < begun[-1]
    place.delete(name)


def test_a_scene_waits_for_those_it_depends_on(place: Place) -> None:
    place.providers("pictures", "clips")
    wish = [
        place.scene("third", dependsOn=["second"]),
        place.scene("second", "image", "video", dependsOn=["first"]),
        place.scene("first"),
    ]
    name = place.make(*wish)
    place.completed(name)
    assert order(place, "image")[0] == "first"
    second = place.scene_of(name, "second")["status"]["steps"]
    assert moment(place.step_of(name, "first")["finishedAt"]) <= moment(second["image"]["intentAt"])
    ended = max(moment(step["finishedAt"]) for step in second.values())
    assert ended <= moment(place.step_of(name, "third")["intentAt"])


def test_a_clip_starts_from_the_very_picture_that_was_bought(place: Place) -> None:
    place.providers("pictures", "clips")
    video = {"prompt": f"{place.tag} pan", "from": "image"}
    name = place.make(place.scene("hill", "image", "video") | {"video": video})
    place.completed(name)
    assert [entry["kind"] for entry in place.bought()] == ["image", "video"]
    (job,) = place.stage.predictions(f"{place.tag} pan")
    sent = base64.b64decode(job["input"]["image"].partition("base64,")[2])
    assert hashlib.sha256(sent).hexdigest() == place.step_of(name, "hill")["output"]["sha256"]


def test_two_stories_with_one_wish_buy_it_once(place: Place) -> None:
    place.providers("pictures")
    one, two = place.make(name="one"), place.make(name="two")
    stories = [place.completed(one), place.completed(two)]
    assert len(place.bought()) == 1
    assert sorted(story["status"]["cost"]["spent"] for story in stories) == ["0", "0.025"]
