"""The manifests that come with the demo say what they seem to say."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from storyjob.api.errors import LocalWorldError
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.api.storyjob import StoryJobSpec
from storyjob.local.assets import asset, demo_providers, demo_story
from storyjob.local.demo import story_name


def story() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(demo_story().read_text())
    return loaded


def providers() -> dict[str, MediaProviderSpec]:
    manifests = yaml.safe_load_all(demo_providers("http://127.0.0.1:4711"))
    return {
        each["metadata"]["name"]: MediaProviderSpec.model_validate(each["spec"])
        for each in manifests
        if each["kind"] == "MediaProvider"
    }


def keys_without_value(value: Any) -> list[str]:
    """Return the keys that a comma in an unquoted flow mapping makes out of half a sentence."""
    if isinstance(value, dict):
        return [key for key, item in value.items() if item is None] + [
            key for item in value.values() for key in keys_without_value(item)
        ]
    return [key for item in value for key in keys_without_value(item)] if isinstance(value, list) else []


def test_the_story_is_six_scenes_with_picture_and_narration() -> None:
    spec = StoryJobSpec.model_validate(story()["spec"])
    assert [bool(scene.image and scene.audio) for scene in spec.scenes] == [True] * 6
    assert [scene.name for scene in spec.scenes if scene.video] == ["lake"]
    assert [scene.name for scene in spec.scenes if scene.depends_on] == ["splash"]


def test_no_prompt_is_cut_at_a_comma() -> None:
    assert keys_without_value(story()) == []


def test_everything_in_the_story_is_a_field_of_the_api() -> None:
    written = story()["spec"]
    understood = StoryJobSpec.model_validate(written).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert understood == written


def test_the_demo_has_every_provider_that_the_story_asks_for() -> None:
    defaults = story()["spec"]["defaults"]
    wanted = {kind: defaults[kind]["providerRef"]["name"] for kind in ("image", "audio", "video")}
    assert set(wanted.values()) == set(providers())


def test_every_demo_provider_points_at_the_simulator() -> None:
    assert {name: spec.endpoint for name, spec in providers().items()} == {
        "pictures": "http://127.0.0.1:4711/replicate",
        "voice": "http://127.0.0.1:4711/elevenlabs",
        "clips": "http://127.0.0.1:4711/vertex",
    }


def test_a_manifest_that_is_missing_is_named() -> None:
    with pytest.raises(LocalWorldError, match=r"examples/wolf\.yaml is missing"):
        asset("examples/wolf.yaml")


@pytest.mark.parametrize(
    "applied",
    [
        pytest.param({"kind": "StoryJob", "metadata": {"name": "fox"}}, id="one object"),
        pytest.param(
            {
                "kind": "List",
                "items": [
                    {"kind": "Secret", "metadata": {"name": "key"}},
                    {"kind": "StoryJob", "metadata": {"name": "fox"}},
                ],
            },
            id="among others",
        ),
    ],
)
def test_story_name(applied: dict[str, Any]) -> None:
    assert story_name(json.dumps(applied)) == "fox"


def test_a_file_without_a_story_is_refused() -> None:
    with pytest.raises(LocalWorldError, match="has 0"):
        story_name(json.dumps({"kind": "List", "items": []}))
