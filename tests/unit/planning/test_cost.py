"""Money: what a step should cost, and what all attempts of a story have."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.mediaprovider import Price
from storyjob.api.outcome import Result, UrlOutput
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind
from storyjob.api.step import StepPhase as P
from storyjob.planning.cost import delivered, estimate, scene_spent, spent, step_spent, text, worked
from support.builders import a_scene, a_step
from support.properties import quick

PRICES = [
    Price(model="*", per_generation="1"),
    Price(model="picture", per_generation="0.025"),
    Price(model="voice", per_character="0.0003", per_generation="0.01"),
    Price(model="clip", per_second="0.15"),
    Price(model="gpu", per_compute_second="0.000225", typical_compute_seconds=3.5),
    Price(model="both", per_generation="0.01", per_second="0.1", per_compute_second="0.001", typical_compute_seconds=9),
]
LINK = UrlOutput("https://files.example/a")


def result(cost: str | None = None, ran: str | None = None) -> Result:
    return Result(LINK, Decimal(cost) if cost else None, compute_seconds=Decimal(ran) if ran else None)


@pytest.mark.parametrize(
    ("model", "characters", "seconds", "expected"),
    [
        pytest.param("picture", 0, None, "0.025", id="by the piece, the model's own price before that for all"),
        pytest.param("another", 0, None, "1", id="the price for all others"),
        pytest.param("voice", 100, None, "0.04", id="by the character, and a basic price"),
        pytest.param("clip", 0, Decimal(4), "0.6", id="by the second"),
        pytest.param("clip", 0, None, "1.2", id="by the second, of a clip whose length is not known"),
        pytest.param("gpu", 0, None, "0.000788", id="by the time that it usually runs, to a millionth of a dollar"),
    ],
)
def test_estimate(model: str, characters: int, seconds: Decimal | None, expected: str) -> None:
    assert text(estimate(PRICES, model, characters=characters, seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("model", "made", "seconds", "expected"),
    [
        pytest.param("gpu", result(ran="12.4"), None, "0.00279", id="by the time that it ran"),
        pytest.param("gpu", result(ran="0"), None, "0", id="no time is a time"),
        pytest.param("gpu", result(), None, None, id="as estimated, where the time was not told"),
        pytest.param("gpu", result("0.5", ran="12.4"), None, "0.5", id="what the provider itself says counts more"),
        pytest.param("clip", result(), 4.0, "0.6", id="by the length of what was made"),
        pytest.param("both", result(ran="10"), 5.0, "0.52", id="all that the price asks for, together"),
        pytest.param("both", result(ran="10"), None, None, id="as estimated, where a part was not measured"),
        pytest.param("picture", result(ran="10"), None, None, id="as estimated, by the piece"),
        pytest.param("voice", result(), 4.0, None, id="as estimated, by the character: all of them are known before"),
    ],
)
def test_what_a_result_cost(model: str, made: Result, seconds: float | None, expected: str | None) -> None:
    assert text(delivered(PRICES, model, made, seconds)) == expected


def test_a_result_without_a_price_costs_what_the_provider_says() -> None:
    assert delivered((), "flux", result("0.5", ran="1"), None) == Decimal("0.5")
    assert delivered((), "flux", result(ran="1"), None) is None


@pytest.mark.parametrize(
    ("model", "ran", "expected"),
    [
        pytest.param("gpu", "100", "0.0225", id="work that failed is billed like any other"),
        pytest.param("both", "100", "0.1", id="a basic price is for results only"),
        pytest.param("picture", "100", None, id="by the piece, and there is none"),
        pytest.param("gpu", None, None, id="nobody says how long it ran"),
    ],
)
def test_what_work_without_a_result_cost(model: str, ran: str | None, expected: str | None) -> None:
    assert text(worked(PRICES, model, Decimal(ran) if ran else None)) == expected


def test_what_has_no_price_has_no_estimate() -> None:
    assert estimate(PRICES[1:], "another") is None
    assert text(None) is None


@pytest.mark.parametrize(
    ("amount", "expected"),
    [("0", "0"), ("0.00", "0"), ("0.1000", "0.1"), ("100", "100"), ("1E+2", "100"), ("1E-6", "0.000001")],
)
def test_amounts_are_plain_decimals(amount: str, expected: str) -> None:
    assert text(Decimal(amount)) == expected


@quick
@given(st.decimals(0, 10**6, places=6))
def test_no_amount_loses_anything_as_text(amount: Decimal) -> None:
    assert Decimal(text(amount) or "") == amount


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(a_step(P.WAITING), "0", id="nothing was begun"),
        pytest.param(a_step(P.SUBMITTING, estimated_cost="0.02"), "0.02", id="an intent counts with its estimate"),
        pytest.param(a_step(P.OUTCOME_UNKNOWN, estimated_cost="0.02"), "0.02", id="so does an unknown outcome"),
        pytest.param(
            a_step(P.SUCCEEDED, estimated_cost="0.02", cost="0.03"), "0.03", id="what the provider says counts more"
        ),
        pytest.param(a_step(P.FAILED, estimated_cost="0.02"), "0", id="a failure without a price was not charged"),
        pytest.param(a_step(P.FAILED, estimated_cost="0.02", cost="0.01"), "0.01", id="one with a price was"),
        pytest.param(
            a_step(P.RUNNING, estimated_cost="0.02", previous_cost="0.05"),
            "0.07",
            id="earlier attempts are not forgotten",
        ),
        pytest.param(a_step(P.SUCCEEDED, cost="0", previous_cost="0.05", reused=True), "0.05", id="reuse is free"),
    ],
)
def test_what_all_attempts_of_a_step_cost(step: StepStatus, expected: str) -> None:
    assert step_spent(step) == Decimal(expected)


def test_a_story_costs_what_its_scenes_do_and_those_that_are_gone() -> None:
    scene = a_scene(
        steps={StepKind.IMAGE: a_step(P.SUCCEEDED, cost="0.1"), StepKind.AUDIO: a_step(P.SUCCEEDED, cost="0.2")}
    )
    assert scene_spent(scene) == Decimal("0.3")
    assert spent([scene, scene], Decimal("0.5")) == Decimal("1.1")
