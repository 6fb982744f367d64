"""An outcome that nobody knows is resolved by the vendor, by what was chosen, or by a person; and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.planning.children import child_name
from support.kstatus import condition, is_true
from support.place import MODELS, Place

Json = dict[str, Any]
LONG_AGO = "2026-01-01T00:00:00Z"
NARRATION = "audio"


def unheard(place: Place, **spec: Any) -> str:
    """Return a story whose narration was taken without an answer, and that no history tells of."""
    place.providers("pictures", "voice")
    place.stage.fault("accept-then-drop", match={"prompt_contains": f"{place.tag} hill", "vendor": "elevenlabs"})
    hill = place.scene("hill", "image", "audio")
    hill["audio"]["input"] = {"enable_logging": False}
    name = place.make(hill, **spec)
    place.phase_until(name, "hill", "OutcomeUnknown", NARRATION)
    return name


def resolve(place: Place, story: str, scene: str, text: str) -> None:
    """Say what is to be done, as ``kubectl annotate`` does."""
    patch = {"metadata": {"annotations": {"storyjob.dev/resolve": text}}}
    place.stage.api.merge("scenes", place.namespace, child_name(story, scene), patch)


def long_over(place: Place, story: str) -> None:
    """Let the grace period be over."""
    patch = {"status": {"steps": {"audio": {"lostAt": LONG_AGO}}}}
    place.stage.api.merge("scenes", place.namespace, child_name(story, "hill"), patch, subresource="status")


def narration_price(place: Place, story: str) -> float:
    return float(place.step_of(story, "hill", NARRATION)["estimatedCost"])


def test_a_narration_is_found_in_the_vendors_history(place: Place) -> None:
    place.providers("pictures", "voice")
    place.stage.fault("accept-then-drop", match={"prompt_contains": f"{place.tag} hill", "vendor": "elevenlabs"})
    name = place.make(place.scene("hill", "image", "audio"), place.scene("lake", "image", "audio"))
    story = place.completed(name)
    assert len(place.bought(kind="audio")) == 2
    assert place.step_of(name, "hill", NARRATION)["attempt"] == 1
    assert story["status"]["cost"]["possibleDuplicate"] == "0"
    manifest = json.loads(place.read(story["status"]["outputs"]["manifest"]["uri"]))
    assert len(manifest["scenes"]) == 2


def test_it_waits_and_says_what_can_be_done(place: Place) -> None:
    name = unheard(place)
    story = place.until(name, lambda found: is_true(found, "OutcomeUnknown"))[-1]
    told = condition(story, "OutcomeUnknown")["message"]
    assert "hill/audio" in told
    assert "storyjob.dev/resolve" in told
    assert "spec.unknownOutcome" in told
    assert story["status"]["phase"] == "Processing"
    long_over(place, name)
    place.phase_until(name, "hill", "OutcomeUnknown", NARRATION)
    assert len(place.bought(kind="audio")) == 1


def test_a_person_says_that_it_may_be_bought_again(place: Place) -> None:
    name = unheard(place)
    resolve(place, name, "hill", "resubmit")
    story = place.completed(name)
    assert len(place.bought(kind="audio")) == 2
    cost = story["status"]["cost"]
    assert float(cost["possibleDuplicate"]) == pytest.approx(narration_price(place, name))
    assert float(cost["spent"]) == pytest.approx(0.025 + 2 * narration_price(place, name))


def test_an_order_is_obeyed_once_and_not_for_what_is_lost_later(place: Place) -> None:
    name = unheard(place)
    place.stage.fault("accept-then-drop", match={"prompt_contains": f"{place.tag} hill", "vendor": "elevenlabs"})
    resolve(place, name, "hill", "audio=resubmit")
    lost = place.step_until(
        name, "hill", lambda step: step.get("attempt") == 2 and step["phase"] == "OutcomeUnknown", NARRATION
    )
    assert lost["resolution"] == "audio=resubmit"
    assert len(place.bought(kind="audio")) == 2
    resolve(place, name, "hill", "audio=resubmit once more")
    story = place.completed(name)
    assert len(place.bought(kind="audio")) == 3
    price = narration_price(place, name)
    assert float(story["status"]["cost"]["possibleDuplicate"]) == pytest.approx(2 * price)


def test_a_person_gives_it_up_and_a_retry_buys_it_anew(place: Place) -> None:
    name = unheard(place)
    resolve(place, name, "hill", "fail")
    story = place.ended(name)
    assert story["status"]["phase"] == "Failed"
    assert place.step_of(name, "hill", NARRATION)["reason"] == "OutcomeUnknown"
    assert len(place.bought(kind="audio")) == 1
    place.retry(name)
    place.until(name, lambda found: found["status"]["phase"] == "Completed")
    assert len(place.bought(kind="audio")) == 2


@pytest.mark.parametrize(
    ("choice", "bought", "phase"),
    [
        pytest.param({"policy": "Resubmit"}, 2, "Completed", id="Resubmit"),
        pytest.param({"policy": "Fail"}, 1, "Failed", id="Fail"),
        pytest.param({"resubmitBelow": "0.50"}, 2, "Completed", id="cheap enough"),
    ],
)
def test_after_the_grace_the_storys_choice_holds(place: Place, choice: Json, bought: int, phase: str) -> None:
    name = unheard(place, unknownOutcome=choice)
    assert len(place.bought(kind="audio")) == 1, "not before the grace is over"
    long_over(place, name)
    story = place.until(name, lambda found: found["status"]["phase"] in ("Completed", "Failed"))[-1]
    assert story["status"]["phase"] == phase
    assert len(place.bought(kind="audio")) == bought


def test_a_provider_may_choose_for_stories_that_do_not(place: Place) -> None:
    place.provider("voice", unknownOutcome={"policy": "Fail"})
    place.stage.fault("accept-then-drop", match={"prompt_contains": f"{place.tag} hill", "vendor": "elevenlabs"})
    hill = place.scene("hill", "image", "audio")
    hill["audio"]["input"] = {"enable_logging": False}
    place.providers("pictures")
    name = place.make(hill)
    place.phase_until(name, "hill", "OutcomeUnknown", NARRATION)
    long_over(place, name)
    assert place.ended(name)["status"]["phase"] == "Failed"


def test_of_two_that_look_the_same_a_person_names_the_job(place: Place) -> None:
    """Somebody else with the same account asked for the very same at the same time."""
    place.providers("pictures", completion="Poll")
    stranger = place.stage.http.post(
        f"/replicate/v1/models/{MODELS['pictures']}/predictions",
        headers={"Authorization": "Bearer r8_simulator"},
        json={"input": {"prompt": f"{place.tag} hill"}},
    )
    assert stranger.status_code == 201, stranger.text
    place.stage.fault("accept-then-drop", match={"prompt_contains": f"{place.tag} hill"})
    name = place.make(place.scene("hill"))
    place.phase_until(name, "hill", "OutcomeUnknown")
    theirs, ours = [entry["job_id"] for entry in place.bought("hill")]
    assert theirs == stranger.json()["id"]
    resolve(place, name, "hill", f"image={ours}")
    place.completed(name)
    assert place.step_of(name, "hill")["jobId"] == ours
    assert len(place.bought()) == 2
