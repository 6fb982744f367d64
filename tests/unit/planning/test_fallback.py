"""Who makes a step: the first choice, or somebody else while it cannot or will not; never two at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.api.step import StepPhase as P
from storyjob.api.storyjob import StoryJob
from storyjob.planning.desire import Standing
from storyjob.planning.fallback import ways
from storyjob.planning.offer import why_void
from storyjob.planning.plan import Offer, StoryPlan
from storyjob.planning.story import plan_story
from storyjob.planning.view import ProviderView, StoryView
from support.builders import (
    FLUX,
    NOW,
    Make,
    a_provider,
    a_story,
    a_view,
    at,
    capabilities,
    failed,
    providers,
    running,
    step_id,
    story_scene,
    unknown,
)

SPARE = {"providerRef": {"name": "spare"}, "model": "sdxl", "input": {"steps": 4}}
LENIENT = {"providerRef": {"name": "lenient"}, "model": "wild", "on": ["ContentRefused"]}
SOON = at(60)
PRICED = a_provider(prices=[{"model": "*", "perGeneration": "0.01"}])


def halted(by: Reason, until: datetime = SOON) -> ProviderView:
    return replace(a_provider(), halted_by=by, halted_until=until, halt="no credit")


DOWN, EMPTY = halted(Reason.CIRCUIT_OPEN), halted(Reason.QUOTA)
WRONG_KEY = halted(Reason.UNAUTHORIZED)


def story(*fallbacks: dict[str, Any], **image: Any) -> StoryJob:
    return a_story(story_scene("a", image={"prompt": "a fox", "fallbacks": list(fallbacks)} | image))


def planned(flux: ProviderView, step: Make | None = None, *fallbacks: dict[str, Any], **others: Any) -> StoryPlan:
    return plan_story(seen(flux, step, *fallbacks, **others))


def seen(flux: ProviderView, step: Make | None, *fallbacks: dict[str, Any], **others: Any) -> StoryView:
    known = providers() | {FLUX: flux, "spare": PRICED, "lenient": a_provider()} | others
    wanted = story(*(fallbacks or (SPARE, LENIENT)))
    return a_view(wanted, {"a/image": step} if step else {}, providers=known)


def offer(plan: StoryPlan) -> Offer:
    (only,) = plan.offers
    return only


@pytest.mark.parametrize(
    ("flux", "others", "expected"),
    [
        pytest.param(a_provider(), {}, FLUX, id="the first choice while it works"),
        pytest.param(DOWN, {}, "spare", id="an outage"),
        pytest.param(EMPTY, {}, "spare", id="an empty account"),
        pytest.param(WRONG_KEY, {}, FLUX, id="a wrong key is a mistake to be mended"),
        pytest.param(halted(Reason.QUOTA, NOW), {}, FLUX, id="its pause is over: the first choice is tried"),
        pytest.param(DOWN, {"spare": DOWN}, FLUX, id="the other is down as well"),
        pytest.param(DOWN, {"spare": a_provider(blocked="no Secret")}, FLUX, id="the other cannot be used"),
    ],
)
def test_who_makes_it(flux: ProviderView, others: dict[str, ProviderView], expected: str) -> None:
    plan = planned(flux, None, **others)
    assert offer(plan).provider == expected
    assert (step_id("a/image") in plan.waiting) is (expected == FLUX and flux.halted_by is not None)


def test_a_fallback_that_is_not_listed_for_this_is_not_used() -> None:
    assert offer(planned(EMPTY, None, SPARE | {"on": ["Outage"]})).provider == FLUX


def test_the_first_choice_is_looked_at_again_when_its_pause_is_over() -> None:
    assert planned(EMPTY).wake_at == at(60)


def test_what_is_asked_for_stays_the_same_whoever_makes_it_and_its_price_is_the_others() -> None:
    first, other = offer(planned(a_provider())), offer(planned(DOWN))
    assert first.input_hash == other.input_hash
    assert (first.way, other.way) == (0, 1)
    assert other.estimated == Decimal("0.01")


@pytest.mark.parametrize("make", [running(), unknown()], ids=["running", "of unknown outcome"])
@pytest.mark.parametrize("flux", [DOWN, EMPTY], ids=["down", "empty"])
def test_no_fallback_beside_a_purchase_that_may_be_alive(make: Make, flux: ProviderView) -> None:
    assert planned(flux, make).offers == []


# Content that was refused


def refused(provider: str = FLUX, model: str = "flux-dev", **fields: Any) -> Make:
    return failed(provider=provider, model=model, **fields)


def test_refused_content_goes_to_somebody_who_is_listed_for_that() -> None:
    view = seen(a_provider(), refused())
    found = offer(plan_story(view))
    assert (found.provider, found.way, found.fallback) == ("lenient", 2, 2)
    step = view.scenes["a"].status.steps.image
    assert step is not None
    assert why_void(found, step, NOW) is None
    assert plan_story(view).views[0].desires[step_id("a/image").kind].standing is Standing.WANTED


@pytest.mark.parametrize(
    ("step", "fallbacks"),
    [
        pytest.param(refused(), [SPARE], id="nobody is listed for that"),
        pytest.param(refused("lenient", "wild", fallback=2), [SPARE, LENIENT], id="the last one refused it, too"),
        pytest.param(failed(provider=FLUX, reason=Reason.INVALID_REQUEST), [LENIENT], id="it failed otherwise"),
    ],
)
def test_a_failure_that_nobody_else_is_asked_about(step: Make, fallbacks: list[dict[str, Any]]) -> None:
    plan = planned(a_provider(), step, *fallbacks)
    assert plan.offers == []
    assert plan.views[0].failed


def test_who_refused_is_not_asked_again_when_the_other_only_failed() -> None:
    def again(wish: Any) -> Any:
        made = failed(provider="lenient", model="wild", fallback=2, reason=Reason.GENERATION_FAILED)(wish)
        return made.model_copy(update={"phase": P.WAITING})

    assert offer(planned(a_provider(), again)).provider == "lenient"


def test_a_fallback_that_refuses_hands_on_to_the_next() -> None:
    both = SPARE | {"on": ["Quota", "ContentRefused"]}
    assert offer(planned(EMPTY, refused("spare", "sdxl"), both, LENIENT)).provider == "lenient"


# What is wrong with a fallback


def test_a_fallback_that_could_never_stand_in_is_told() -> None:
    mute = replace(a_provider(), capabilities=capabilities(steps=frozenset()))
    plan = planned(a_provider(), None, SPARE, {"providerRef": {"name": "absent"}, "model": "x"}, spare=mute)
    told = [problem.message for problem in plan.views[0].problems]
    assert "spec.scenes[a].image.fallbacks[0].providerRef" in told[0]
    assert 'fallbacks[1].providerRef: no MediaProvider "absent"' in told[1]
    assert [problem.reason for problem in plan.views[0].problems] == [
        Reason.PROVIDER_MISMATCH,
        Reason.PROVIDER_NOT_FOUND,
    ]


def test_a_narration_falls_back_with_its_own_voice_or_that_of_the_request() -> None:
    others = [{"providerRef": {"name": "b"}, "model": "m"}, {"providerRef": {"name": "c"}, "model": "m", "voice": "cy"}]
    told = a_story(story_scene("a", audio={"text": "Hi.", "voice": "aria", "input": {"x": 1}, "fallbacks": others}))
    wish = a_view(told).specs[0].audio
    assert wish is not None
    assert [(way.place, way.voice, dict(way.input)) for way in ways(wish)] == [
        (0, "aria", {"x": 1}),
        (1, "aria", {}),
        (2, "cy", {}),
    ]


def test_fallbacks_come_from_the_defaults_unless_a_scene_has_its_own() -> None:
    defaults = {"image": {"providerRef": {"name": FLUX}, "model": "flux-dev", "fallbacks": [SPARE]}}
    own = story_scene("b", image={"prompt": "b", "fallbacks": []})
    view = a_view(a_story(story_scene("a"), own, defaults=defaults), providers=providers() | {"spare": PRICED})
    found = [len(ways(spec.image)) for spec in view.specs if spec.image is not None]
    assert found == [2, 1]
