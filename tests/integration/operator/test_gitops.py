"""Stories in git: tools see no difference that they did not make, share objects without a fight, and re-buy nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.api.errors import LocalWorldError
from support.argocd import AGREEING, health
from support.kstatus import kstatus
from support.place import Place

Json = dict[str, Any]

CLIENT_SIDE: tuple[str, ...] = ()
FLUX = ("--server-side", "--field-manager=kustomize-controller")
ARGO_CD = ("--server-side", "--field-manager=argocd-controller")
tools = pytest.mark.parametrize("tool", [CLIENT_SIDE, FLUX], ids=["client-side", "server-side"])


def kubectl(place: Place, *arguments: str, body: Json) -> str:
    """Run kubectl as a tool would; raises ``LocalWorldError`` where it says no, or where a diff is not empty."""
    words = (*arguments, "--namespace", place.namespace, "-f", "-")
    return place.stage.cluster.kubectl(*words, stdin=json.dumps(body))


def found(place: Place, name: str) -> Json:
    """Return a story as it is now."""
    story = place.stage.api.get("storyjobs", place.namespace, name)
    assert story is not None
    return story


@tools
def test_there_is_never_a_difference_that_the_operator_made(place: Place, tool: tuple[str, ...]) -> None:
    place.providers("pictures")
    place.stage.fault("never-finish", match={"prompt_contains": f"{place.tag} lake"})
    story = place.story(place.scene("hill"), place.scene("lake"))
    name = story["metadata"]["name"]

    kubectl(place, "apply", *tool, body=story)
    assert kubectl(place, "diff", *tool, body=story) == "", "right after the apply"
    place.phase_until(name, "hill", "Succeeded")
    place.phase_until(name, "lake", "Running")
    assert kubectl(place, "diff", *tool, body=story) == "", "while it is made"
    with pytest.raises(LocalWorldError, match="a word more"):
        kubectl(place, "diff", *tool, body=story | {"spec": story["spec"] | {"title": "a word more"}})
    place.delete(name)


@tools
def test_a_finished_story_applied_again_is_no_difference_no_generation_and_no_work(
    place: Place, tool: tuple[str, ...]
) -> None:
    place.providers("pictures")
    story = place.story()
    name = story["metadata"]["name"]
    kubectl(place, "apply", *tool, body=story)
    before = place.completed(name)

    assert kubectl(place, "diff", *tool, body=story) == ""
    kubectl(place, "apply", *tool, body=story)

    after = found(place, name)
    assert after["metadata"]["generation"] == before["metadata"]["generation"] == 1
    assert after["status"]["completionTime"] == before["status"]["completionTime"]
    assert after["status"]["outputs"] == before["status"]["outputs"]
    assert len(place.bought()) == 1


def test_the_operator_owns_no_field_of_a_spec(place: Place) -> None:
    provider = place.provider("pictures")
    name = place.make()
    place.completed(name)

    for kind, one in (("storyjobs", name), ("mediaproviders", provider)):
        item = place.stage.api.get(kind, place.namespace, one)
        assert item is not None
        owners = {each["manager"] for each in item["metadata"]["managedFields"] if "f:spec" in each["fieldsV1"]}
        assert owners == {"test"}
        others = [each for each in item["metadata"]["managedFields"] if each["manager"] != "test"]
        assert any("f:status" in each["fieldsV1"] for each in others), "the operator wrote a status"


def test_two_tools_share_a_story_field_by_field(place: Place) -> None:
    place.providers("pictures")
    story = place.story(place.scene("hill"))
    head = {key: story[key] for key in ("apiVersion", "kind", "metadata")}
    name = story["metadata"]["name"]
    kubectl(place, "apply", *FLUX, body=story)
    place.completed(name)

    # One more scene, and nothing said of those that are there.
    lake = head | {"spec": {"scenes": [place.scene("lake")]}}
    kubectl(place, "apply", *ARGO_CD, body=lake)
    place.completed(name)
    kubectl(place, "apply", *FLUX, body=story)
    assert [each["name"] for each in found(place, name)["spec"]["scenes"]] == ["hill", "lake"]
    assert kubectl(place, "diff", *FLUX, body=story) == kubectl(place, "diff", *ARGO_CD, body=lake) == ""

    # What one tool owns the other does not take without force.
    taken = head | {"spec": {"scenes": [place.scene("hill", image={"prompt": f"{place.tag} other"})]}}
    with pytest.raises(LocalWorldError, match=r'conflict with "kustomize-controller".*\.image\.prompt'):
        kubectl(place, "apply", *ARGO_CD, body=taken)
    place.completed(name)
    assert [entry["text"].split()[1] for entry in place.bought()] == ["hill", "lake"]


def test_a_story_that_its_time_to_live_deleted_is_applied_again_for_nothing(place: Place) -> None:
    place.providers("pictures", "voice")
    story = place.story(place.scene("hill", "image", "audio"), place.scene("lake"), ttlSecondsAfterFinished=0)
    films = []
    for _ in range(2):
        name = place.apply(story)["metadata"]["name"]
        history = place.until(name, lambda left: left is None)
        last = next(each for each in reversed(history) if each["status"].get("phase") == "Completed")
        films.append(last["status"]["outputs"]["film"])

    assert len(place.bought()) == 3
    assert last["status"]["scenes"]["reused"] == 2
    assert last["status"]["cost"]["spent"] == "0"
    assert films[0] == films[1]


def test_all_tools_say_the_same_of_each_state_on_the_way(place: Place) -> None:
    place.providers("pictures")
    place.stage.fault("refuse", times=9, match={"prompt_contains": f"{place.tag} lake"})
    good, bad = place.make(place.scene("hill"), name="good"), place.make(place.scene("lake"), name="bad")
    states = [state for name in (good, bad) for state in place.until(name, _ended)]
    states += [place.scene_of(good, "hill"), place.scene_of(bad, "lake")]

    for state in states:
        assert health(state).status in AGREEING[kstatus(state)], state["status"]
    assert {health(state).status for state in states} == {"Progressing", "Healthy", "Degraded"}


def _ended(story: Json) -> bool:
    return story["status"].get("phase") in ("Completed", "Failed")
