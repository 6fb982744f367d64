"""The input hash: what the user asked for and nothing else, so that equal wishes are bought once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.scene import SceneSpec
from storyjob.api.step import StepKind
from storyjob.planning.hashing import canonical, input_hash, maker
from support.properties import quick

STILL = "5" * 64
WISH: dict[str, Any] = {
    "storyRef": {"name": "fox"},
    "name": "forest",
    "index": 0,
    "image": {"prompt": "a fox", "providerRef": {"name": "flux"}, "model": "dev", "input": {"size": 1, "raw": True}},
    "audio": {"text": "a fox", "providerRef": {"name": "voice"}, "model": "v2", "voice": "aria"},
    "video": {"prompt": "a fox", "providerRef": {"name": "veo"}, "model": "fast", "from": "image"},
}


def hash_of(kind: str = "image", type_: str = "replicate", still: str | None = STILL, **changes: Any) -> str:
    wish = {name: dict(value) if isinstance(value, dict) else value for name, value in WISH.items()}
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = wish
        for parent in parents:
            target = target[parent]
        target[last] = value
    return input_hash(SceneSpec.model_validate(wish), StepKind(kind), type_, still)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param("image", {"image__prompt": "an owl"}, id="the prompt"),
        pytest.param("image", {"image__model": "schnell"}, id="the model"),
        pytest.param("image", {"image__seed": 0}, id="a seed, also 0"),
        pytest.param("image", {"image__input": {"size": 2, "raw": True}}, id="an input of the model"),
        pytest.param("image", {"image__input": {"size": 1}}, id="an input that is left out"),
        pytest.param("image", {"regenerate": "2"}, id="a wish to make it anew"),
        pytest.param("image", {"type_": "other"}, id="the type of the provider"),
        pytest.param("audio", {"audio__text": "an owl"}, id="the narration"),
        pytest.param("audio", {"audio__voice": "roger"}, id="the voice"),
        pytest.param("video", {"still": "6" * 64}, id="the picture that a clip starts from"),
    ],
)
def test_what_makes_it_another_wish(kind: str, change: dict[str, Any]) -> None:
    assert hash_of(kind, **change) != hash_of(kind)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param("image", {"name": "lake", "index": 7}, id="the scene's name and place: a renamed scene is free"),
        pytest.param("image", {"storyRef": {"name": "owl"}}, id="the story"),
        pytest.param("image", {"image__providerRef": {"name": "flux-2"}}, id="the account, so that it can be moved"),
        pytest.param("image", {"cache": "Bypass"}, id="the cache policy"),
        pytest.param("image", {"seconds": 9}, id="how long it is seen: one edit must not buy anything"),
        pytest.param("image", {"audio__text": "an owl"}, id="the scene's other steps"),
        pytest.param("image", {"image__input": {"raw": True, "size": 1}}, id="the order of the inputs"),
        pytest.param("image", {"still": "6" * 64}, id="a still, for what does not start from one"),
    ],
)
def test_what_leaves_the_wish_the_same(kind: str, change: dict[str, Any]) -> None:
    assert hash_of(kind, **change) == hash_of(kind)


def test_the_kinds_of_a_scene_have_hashes_of_their_own() -> None:
    assert len({hash_of(kind) for kind in StepKind}) == 3


def test_a_type_that_names_no_vendor_stands_for_its_provider() -> None:
    assert maker("replicate", "flux") == maker("replicate", "flux-2") == "replicate"
    assert hash_of(type_=maker("http", "comfyui")) != hash_of(type_=maker("http", "studio"))


def test_no_inputs_and_empty_inputs_are_the_same_wish() -> None:
    assert hash_of(image__input={}) == hash_of(image__input=None)


def test_the_hash_stays_what_it_is_over_the_years() -> None:
    """What is in users' buckets is found by it: a change of this value makes everybody buy everything again."""
    assert hash_of() == "caa10783c972fe9cba1a98c34ef88e333184c85ac4039d9a55af7aea8f58152b"


def test_a_step_that_is_not_asked_for_has_no_hash() -> None:
    with pytest.raises(ValueError, match="asks for no audio"):
        hash_of("audio", audio=None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@quick
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), JSON, max_size=4))
def test_the_canonical_form_does_not_know_the_order_of_members(document: dict[str, Any]) -> None:
    assert canonical(dict(reversed(document.items()))) == canonical(document)
