"""The Scenes of a story: names that are readable, unique and fit, and wishes with the defaults merged in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.scene import SceneSpec
from storyjob.api.storyjob import StoryScene
from storyjob.planning.children import NAME_LIMIT, child_name, scene_spec
from support.builders import a_story, story_scene
from support.properties import quick

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


def test_a_name_tells_story_and_scene() -> None:
    assert child_name("fox-and-moon", "forest") == "fox-and-moon-forest-99d0c996"


@quick
@given(NAMES, NAMES)
def test_every_name_is_one_that_kubernetes_takes(story: str, scene: str) -> None:
    name = child_name(story, scene)
    assert len(name) <= NAME_LIMIT
    assert LABEL.fullmatch(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a-b", "c"), ("a", "b-c"), id="a hyphen may belong to either"),
        pytest.param(("s" * 63, "forest"), ("s" * 63, "lake"), id="cut names of one story"),
        pytest.param(("s" * 62, "forest"), ("s" * 61, "forest"), id="cut names of two stories"),
    ],
)
def test_different_scenes_have_different_names(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert child_name(*one) != child_name(*other)


def merged(scene: dict[str, Any], **defaults: Any) -> SceneSpec:
    return scene_spec("fox", a_story(StoryScene.model_validate({"name": "forest"} | scene), defaults=defaults).spec, 0)


REFS: dict[str, Any] = {"providerRef": {"name": "default"}, "model": "default", "input": {"a": 1, "b": 1}}
OWN: dict[str, Any] = {"providerRef": {"name": "own"}, "model": "own", "input": {"b": 2}, "seed": 0}


@pytest.mark.parametrize(
    ("kind", "wish"),
    [("image", {"prompt": "a fox"}), ("audio", {"text": "a fox"}), ("video", {"prompt": "a fox"})],
)
@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(
            {}, ("default", "default", {"a": 1, "b": 1}, 7), id="what a scene does not say comes from the story"
        ),
        pytest.param(
            OWN, ("own", "own", {"a": 1, "b": 2}, 0), id="what it says wins, inputs one by one, and a seed of 0"
        ),
    ],
)
def test_defaults(
    kind: str, wish: dict[str, Any], own: dict[str, Any], expected: tuple[str, str, dict[str, int], int]
) -> None:
    see = {} if kind != "audio" else {"source": {"uri": "s3://stories/shared/a.png"}}
    found = getattr(merged({kind: wish | own} | see, seed=7, **{kind: REFS}), kind)
    assert (found.provider_ref.name, found.model, found.input, found.seed) == expected


def test_a_scene_without_defaults_keeps_what_it_says() -> None:
    image = merged({"image": {"prompt": "a fox"} | OWN}).image
    assert image is not None
    assert (image.prompt, image.model, image.input) == ("a fox", "own", {"b": 2})


def test_the_style_goes_to_pictures_only() -> None:
    wishes = {"image": {"prompt": "a fox"}, "video": {"prompt": "a pan"}, "audio": {"text": "a fox"}}
    spec = merged(wishes, style="watercolour", audio={"voice": "aria"})
    assert spec.image
    assert spec.video
    assert spec.audio
    assert spec.image.prompt == "a fox, watercolour"
    assert (spec.video.prompt, spec.audio.text, spec.audio.voice) == ("a pan", "a fox", "aria")


def test_a_scene_knows_its_place_and_the_storys_cache_policy() -> None:
    story = a_story(story_scene("forest"), story_scene("lake", regenerate="2", seconds=3), cache="Bypass")
    spec = scene_spec("fox", story.spec, 1)
    assert (spec.story_ref.name, spec.name, spec.index) == ("fox", "lake", 1)
    assert (spec.regenerate, spec.seconds, spec.cache) == ("2", 3, "Bypass")
    assert (spec.audio, spec.video, spec.source) == (None, None, None)
