"""Which model makes what, how large, in which shape."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.api.step import StepKind
from storyjob.simulator.vendors.replicate_models import shape_of, wish_of
from storyjob.simulator.vendors.replicate_wire import duration, instant, wanted_events


@pytest.mark.parametrize(
    ("model", "kind", "as_list"),
    [
        pytest.param("black-forest-labs/flux-dev", StepKind.IMAGE, True, id="a list of pictures"),
        pytest.param("black-forest-labs/flux-1.1-pro", StepKind.IMAGE, False, id="one picture"),
        pytest.param("black-forest-labs/flux-dev:5c7d", StepKind.IMAGE, True, id="a version is no other model"),
        pytest.param("minimax/video-01", StepKind.VIDEO, False, id="video in its name"),
        pytest.param("kwaivgi/kling-v2.1", StepKind.VIDEO, False, id="kling"),
        pytest.param("wan-video/wan-2.2-i2v-fast", StepKind.VIDEO, False, id="wan"),
        pytest.param("minimax/image-01", StepKind.IMAGE, True, id="minimax makes pictures, too"),
        pytest.param("jaaari/kokoro-82m", StepKind.AUDIO, False, id="speech"),
        pytest.param("taiwan/unknown", StepKind.IMAGE, True, id="what nobody knows makes pictures"),
    ],
)
def test_shape(model: str, kind: StepKind, as_list: bool) -> None:
    shape = shape_of(model)
    assert (shape.kind, shape.as_list) == (kind, as_list)


@pytest.mark.parametrize(
    ("model", "given", "size"),
    [
        pytest.param("black-forest-labs/flux-dev", {}, (1024, 1024), id="square by default"),
        pytest.param("black-forest-labs/flux-dev", {"aspect_ratio": "9:16"}, (768, 1344), id="portrait"),
        pytest.param("black-forest-labs/flux-dev", {"width": 640, "height": 360}, (640, 360), id="exact"),
        pytest.param("minimax/video-01", {}, (1280, 720), id="clips are wide by default"),
        pytest.param("minimax/video-01", {"aspect_ratio": "9:16"}, (720, 1280), id="portrait clip"),
    ],
)
def test_size(model: str, given: dict[str, Any], size: tuple[int, int]) -> None:
    wish = wish_of(model, {"prompt": "a fox"} | given)
    assert (wish.width, wish.height) == size


@pytest.mark.parametrize(
    "given", [{"seed": "seven"}, {"aspect_ratio": "99:1"}, {"width": 9, "height": 9000}, {"seed": True}]
)
def test_impossible_inputs_are_named(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^({'|'.join(given)}): "):
        wish_of("black-forest-labs/flux-dev", {"prompt": "a fox"} | given)


def test_several_pictures_only_where_the_model_returns_a_list() -> None:
    assert wish_of("black-forest-labs/flux-dev", {"prompt": "a", "num_outputs": 3}).count == 3
    assert wish_of("black-forest-labs/flux-1.1-pro", {"prompt": "a", "num_outputs": 3}).count == 1


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m", 60), ("1h30m", 5400), ("0.5s", 0.5), (None, None)])
def test_duration(text: str | None, seconds: float | None) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "90", "s"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="Cancel-After"):
        duration(text)


def test_instants_are_compared_in_one_form() -> None:
    assert instant("2026-01-01T01:00:00 01:00") == instant("2026-01-01T00:00:00Z") == "2026-01-01T00:00:00.000000Z"


def test_events_by_default_and_by_filter() -> None:
    assert wanted_events({"webhook": "https://a"}) == {"output", "completed"}
    assert wanted_events({"webhook": "https://a", "webhook_events_filter": ["start"]}) == {"start"}
    assert wanted_events({"webhook_completed": "https://a"}) == {"completed"}
