"""A vendor that answers nothing is left alone, says so, and is tried again by itself."""

from __future__ import annotations

from typing import Any

from support.kstatus import condition, is_true
from support.place import Place


def test_a_vendor_that_is_down_costs_three_requests_and_not_one_for_each_scene(place: Place) -> None:
    scenes = [place.scene(f"s{nth}") for nth in range(8)]
    name = place.provider("pictures", limits={"concurrent": 3}, completion="Poll")
    # The connection closes before anything is taken, so that only the vendor's own list can tell.
    place.stage.fault("drop", times=3, match={"prompt_contains": place.tag, "route": "submit"})
    story = place.make(*scenes)
    opened = place.until(name, lambda found: is_true(found, "CircuitOpen"), kind="mediaproviders")[-1]
    assert opened["status"]["circuit"] == "Open"
    assert "3 times in a row" in condition(opened, "CircuitOpen")["message"]
    assert opened["status"]["lastError"]
    told = place.until(story, lambda found: "CircuitOpen" in (found["status"].get("message") or ""))[-1]
    assert told["status"]["phase"] == "Processing"
    # An edit is a person's word that it is worth another try; nothing else need be waited for.
    place.provider("pictures", name=name, limits={"concurrent": 10}, completion="Poll")
    closed = place.until(name, lambda found: not is_true(found, "CircuitOpen"), kind="mediaproviders")[-1]
    assert closed["status"]["circuit"] == "Closed"
    bought: list[Any] = place.bought()
    place.until(story, lambda found: found["status"]["scenes"]["succeeded"] >= 5)
    assert len(place.bought()) >= len(bought)
