"""What only the whole story can show to be wrong, with the field and the remedy in the message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.reasons import Reason
from storyjob.api.step import StepKind
from storyjob.planning.children import scene_spec
from storyjob.planning.validate import graph_problems, scene_problems
from storyjob.planning.view import ProviderView
from support.builders import FLUX, VOICE, a_provider, a_story, capabilities, provider_spec, providers, story_scene
from support.properties import quick


def graph(**depends: list[str]) -> list[str]:
    scenes = [story_scene(name, dependsOn=others) for name, others in depends.items()]
    return [f"{problem.reason}: {problem.message}" for problem in graph_problems(scenes)]


@pytest.mark.parametrize(
    "depends",
    [
        pytest.param({"a": [], "b": []}, id="no dependencies"),
        pytest.param({"a": [], "b": ["a"], "c": ["a", "b"]}, id="backwards"),
        pytest.param({"a": ["c"], "b": ["a"], "c": []}, id="forwards: the order of the film is not that of the work"),
        pytest.param({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, id="two ways to the same scene"),
    ],
)
def test_dependencies_that_can_be_met(depends: dict[str, list[str]]) -> None:
    assert graph(**depends) == []


@pytest.mark.parametrize(
    ("depends", "path"),
    [
        pytest.param({"a": ["a"]}, "a → a", id="on itself"),
        pytest.param({"a": ["b"], "b": ["a"]}, "a → b → a", id="on each other"),
        pytest.param({"a": ["b"], "b": ["c"], "c": ["b"]}, "b → c → b", id="a way into a circle is not named"),
    ],
)
def test_a_circle_is_shown(depends: dict[str, list[str]], path: str) -> None:
    (problem,) = graph(**depends)
    assert problem == f"DependencyCycle: spec.scenes: dependsOn goes in a circle: {path}; remove one of these"


def test_every_scene_that_does_not_exist_is_named() -> None:
    assert graph(a=["x"], b=["a", "y"]) == [
        'UnknownScene: spec.scenes[a].dependsOn names "x", which is not a scene of this story',
        'UnknownScene: spec.scenes[b].dependsOn names "y", which is not a scene of this story',
    ]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed to a circle"])
def test_the_longest_story_as_one_chain(closed: bool) -> None:
    """1,000 scenes are deeper than Python's stack."""
    chain = {f"s{i}": [f"s{i + 1}"] for i in range(999)} | {"s999": ["s0"] if closed else []}
    assert len(graph(**chain)) == closed


@quick
@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3), min_size=1))
def test_a_circle_is_found_exactly_where_no_order_exists(depends: dict[str, list[str]]) -> None:
    known = {name: [other for other in others if other in depends] for name, others in depends.items()}
    left = dict(known)
    while free := [name for name, others in left.items() if not any(other in left for other in others)]:
        left = {name: others for name, others in left.items() if name not in free}
    assert bool(graph(**known)) is bool(left)


def only_voices() -> ProviderView:
    return ProviderView(provider_spec("elevenlabs"), capabilities(steps=frozenset({StepKind.AUDIO})))


@pytest.mark.parametrize(
    ("spec", "changed", "reason", "message"),
    [
        pytest.param(
            {},
            {FLUX: None},
            Reason.PROVIDER_NOT_FOUND,
            'spec.scenes[forest].image.providerRef: no MediaProvider "flux" in this namespace; '
            "create it or name another",
            id="a provider that is not there",
        ),
        pytest.param(
            {},
            {FLUX: only_voices()},
            Reason.PROVIDER_MISMATCH,
            'spec.scenes[forest].image.providerRef: "flux" is of type elevenlabs, which makes no image',
            id="a provider that cannot make it",
        ),
        pytest.param(
            {},
            {FLUX: a_provider(blocked='Secret "keys" does not exist')},
            Reason.CREDENTIALS,
            'MediaProvider "flux": Secret "keys" does not exist',
            id="a provider without credentials",
        ),
        pytest.param(
            {},
            {FLUX: replace(a_provider(blocked="spec.http.poll: no"), blocked_by=Reason.INVALID_SPEC)},
            Reason.INVALID_SPEC,
            'MediaProvider "flux": spec.http.poll: no',
            id="a provider whose description cannot work",
        ),
        pytest.param(
            {"defaults": {"image": {"model": "dev"}}},
            {},
            Reason.INVALID_SPEC,
            "spec.scenes[forest].image has no providerRef; set it there or in spec.defaults.image",
            id="no provider named",
        ),
        pytest.param(
            {"defaults": {"image": {"providerRef": {"name": FLUX}}}},
            {},
            Reason.INVALID_SPEC,
            "spec.scenes[forest].image has no model; set it there or in spec.defaults.image",
            id="no model named",
        ),
        pytest.param({}, {VOICE: None}, None, None, id="a provider that this scene does not use"),
    ],
)
def test_what_stops_one_scene(
    spec: dict[str, Any], changed: dict[str, ProviderView | None], reason: Reason | None, message: str | None
) -> None:
    scene = scene_spec("fox", a_story(story_scene("forest"), **spec).spec, 0)
    known = {name: view for name, view in (providers() | changed).items() if view is not None}
    found = [(problem.reason, problem.message, problem.scene) for problem in scene_problems(scene, known)]
    assert found == ([(reason, message, "forest")] if reason else [])


def test_each_step_has_its_own_problem_and_what_is_made_has_none() -> None:
    spec = scene_spec("fox", a_story(story_scene("forest", audio=True)).spec, 0)
    assert len(scene_problems(spec, {})) == 2
    assert len(scene_problems(spec, {}, made=[StepKind.IMAGE])) == 1
