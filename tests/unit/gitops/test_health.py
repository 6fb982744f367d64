"""Flux, Helm and Argo CD tell the truth of every state that our kinds can be in, and say the same."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from storyjob.api.conditions import ConditionType
from storyjob.api.kind import MEDIAPROVIDER, SCENE, STORYJOB
from storyjob.api.step import StepPhase
from storyjob.api.storyjob import StoryPhase
from support.argocd import AGREEING, CODES, checks, health
from support.kstatus import kstatus
from support.states import State, every_state

STATES = [pytest.param(state, id=state.name) for state in every_state()]


@pytest.mark.parametrize("state", STATES)
def test_each_tool_tells_how_it_is(state: State) -> None:
    assert (kstatus(state.item), health(state.item).status) == (state.kstatus, state.health)


@pytest.mark.parametrize("state", STATES)
def test_argo_cd_and_kstatus_agree_and_somebody_can_read_why(state: State) -> None:
    found = health(state.item)

    assert found.status in AGREEING[kstatus(state.item)]
    assert found.message == found.message.strip() != ""


def test_no_state_is_left_out() -> None:
    def phases(kind: str) -> set[str]:
        return {
            s.item["status"]["phase"] for s in every_state() if s.item["kind"] == kind and "phase" in s.item["status"]
        }

    assert phases("StoryJob") == set(get_args(StoryPhase))
    assert phases("Scene") == {"Pending", "Processing", "Completed", "Failed"}
    steps = [
        step["phase"]
        for state in every_state()
        if state.item["kind"] == "Scene"
        for step in (state.item["status"].get("steps") or {}).values()
    ]
    assert set(steps) == set(StepPhase)
    circuits = {s.item["status"].get("circuit") for s in every_state() if s.item["kind"] == "MediaProvider"}
    assert circuits >= {"Closed", "Open", "HalfOpen"}


def test_there_is_a_check_for_each_kind() -> None:
    kinds = (STORYJOB, SCENE, MEDIAPROVIDER)

    assert set(checks()) == {f"resource.customizations.health.storyjob.dev_{kind.name}" for kind in kinds}


def test_the_check_knows_only_conditions_that_there_are() -> None:
    (script,) = set(checks().values())
    named = set(re.findall(r'"([A-Z][A-Za-z]+)"', script)) - {"True"}

    assert {"Reconciling", "Stalled", "Ready"} <= named
    assert named - CODES <= {condition.value for condition in ConditionType}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("StoryJob of unknown outcome", "storyjob.dev/resolve", id="what a person has to do"),
        pytest.param("StoryJob suspended, of unknown outcome", "storyjob.dev/resolve", id="also while suspended"),
        pytest.param("StoryJob completed with gaps", "1 of 2 scenes failed", id="what is missing"),
        pytest.param("MediaProvider that does not answer", "Nothing is bought", id="why nothing is bought"),
        pytest.param("Scene pending", "Pending", id="the reason where there is no message"),
    ],
)
def test_the_message_says(name: str, words: str) -> None:
    (state,) = [state for state in every_state() if state.name == name]

    assert words in health(state.item).message


def test_a_condition_without_a_message_is_seen_all_the_same() -> None:
    (state,) = [state for state in every_state() if state.name == "StoryJob completed"]
    bare = [{"type": each["type"], "status": each["status"]} for each in state.item["status"]["conditions"]]
    item = state.item | {"status": state.item["status"] | {"conditions": bare}}

    assert health(item).status == "Healthy"
