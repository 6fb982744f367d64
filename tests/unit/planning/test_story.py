"""What a story needs next: look before buying, buy equal wishes once, clips after pictures, go on around problems."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob
from storyjob.planning.desire import Standing
from storyjob.planning.story import plan_story
from storyjob.planning.view import LookUp, StoryView
from support.builders import (
    FLUX,
    Make,
    a_hash,
    a_provider,
    a_story,
    a_view,
    an_output,
    at,
    done,
    failed,
    names,
    offered,
    providers,
    running,
    searched,
    stale,
    step_id,
    story_scene,
    unknown,
    waiting,
)


def standing(view: StoryView, name: str) -> Standing:
    scene, kind = name.split("/")
    return next(v.desires[StepKind(kind)].standing for v in plan_story(view).views if v.spec.name == scene)


# Before anything is bought, the bucket is asked


def test_nothing_is_offered_before_the_bucket_was_asked() -> None:
    plan = plan_story(a_view(a_story(story_scene("a", audio=True)), searched=False))
    assert (searched(plan), offered(plan)) == (["a/audio", "a/image"], [])


def test_the_bucket_is_asked_in_the_order_of_the_story_for_what_others_wait_for_first() -> None:
    plan = plan_story(a_view(a_story(story_scene("a", audio=True), story_scene("b")), searched=False))
    assert searched(plan) == ["a/audio", "a/image", "b/image"]


def test_while_the_bucket_is_asked_the_step_waits_and_no_narration_overtakes() -> None:
    story = a_story(story_scene("a", audio=True), story_scene("b", audio=True))
    plan = plan_story(a_view(story, searching=names(["a/audio"])))
    assert offered(plan) == ["a/image", "b/image"]
    assert waiting(plan) == {"b/audio": Reason.TURN}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(
            LookUp(a_hash("an earlier wish"), found=True), False, id="an answer about an earlier wish is none"
        ),
        pytest.param(None, False, id="no answer yet"),
        pytest.param("wanted", True, id="what is there is taken over"),
    ],
)
def test_the_answer_of_the_bucket(known: LookUp | str | None, expected: bool) -> None:
    view = a_view(a_story(story_scene("a")), searched=False)
    if known == "wanted":
        known = LookUp(plan_story(view).searches[0].input_hash, found=True)
    look_ups = {step_id("a/image"): known} if isinstance(known, LookUp) else {}
    (search,) = plan_story(replace(view, look_ups=look_ups)).searches
    assert search.found is expected


def test_bypass_buys_without_asking_the_bucket() -> None:
    plan = plan_story(a_view(a_story(story_scene("a"), cache="Bypass"), searched=False))
    assert (searched(plan), offered(plan)) == ([], ["a/image"])


# Equal wishes are bought once


def twins(**spec: Any) -> StoryJob:
    return a_story(*[story_scene(name, image={"prompt": "the same"}) for name in "ab"], **spec)


def test_of_two_equal_wishes_the_second_waits_for_the_first() -> None:
    plan = plan_story(a_view(twins()))
    assert (offered(plan), waiting(plan)) == (["a/image"], {"b/image": Reason.SAME_INPUT})


def test_a_wish_that_somebody_else_is_buying_waits() -> None:
    view = a_view(twins())
    wanted = plan_story(view).offers[0].input_hash
    plan = plan_story(replace(view, being_bought=frozenset({wanted})))
    assert set(waiting(plan).values()) == {Reason.SAME_INPUT}


# A clip that starts from the scene's picture


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        pytest.param(None, [Standing.UNDECIDED, Standing.WANTED], id="no picture yet"),
        pytest.param(running(), [Standing.UNDECIDED, Standing.WANTED], id="the picture is being made"),
        pytest.param(failed(), [Standing.UNDECIDED, Standing.WANTED], id="the picture failed"),
        pytest.param(
            stale(), [Standing.UNDECIDED, Standing.WANTED], id="an edit made the picture stale: not paid for twice"
        ),
        pytest.param(done(), [Standing.WANTED, Standing.WANTED], id="the picture is there"),
    ],
)
def test_a_clip_from_the_picture_waits_for_it_and_one_from_text_does_not(
    picture: Make | None, expected: list[Standing]
) -> None:
    steps = {"a/image": picture} if picture else {}
    views = [a_view(a_story(story_scene("a", video=start)), steps) for start in ("image", "text")]
    assert [standing(view, "a/video") for view in views] == expected
    assert [("a/video" in offered(plan_story(view))) for view in views] == [s is Standing.WANTED for s in expected]


@pytest.mark.parametrize(
    ("still", "expected"),
    [
        pytest.param(an_output("bytes"), Standing.DONE, id="the same picture, made anew"),
        pytest.param(an_output("other bytes"), Standing.WANTED, id="another picture"),
    ],
)
def test_a_clip_is_made_anew_when_its_picture_is_another(still: Any, expected: Standing) -> None:
    view = a_view(a_story(story_scene("a", video="image")), {"a/image": done(), "a/video": done()})
    scene = view.scenes["a"]
    picture = scene.step(StepKind.IMAGE).model_copy(update={"output": still})
    steps = scene.status.steps.model_copy(update={"image": picture})
    scene = scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})
    assert standing(replace(view, scenes={"a": scene}), "a/video") is expected


# Problems stop the scene that has them


def test_a_problem_of_one_scene_does_not_stop_the_others() -> None:
    broken = story_scene("a", image={"prompt": "a", "providerRef": {"name": "nobody"}})
    plan = plan_story(a_view(a_story(broken, story_scene("b"))))
    assert offered(plan) == ["b/image"]
    assert [[p.reason for p in view.problems] for view in plan.views] == [[Reason.PROVIDER_NOT_FOUND], []]


@pytest.mark.parametrize(
    ("known", "problems"),
    [
        pytest.param({}, [], id="deleted"),
        pytest.param({FLUX: a_provider(blocked="no Secret")}, [], id="its Secret deleted"),
    ],
)
def test_what_is_made_does_not_need_its_provider_any_more(known: dict[str, Any], problems: list[Any]) -> None:
    view = a_view(a_story(story_scene("a")), {"a/image": done()})
    (scene,) = plan_story(replace(view, providers=known)).views
    assert (scene.complete, scene.problems) == (True, problems)


def test_a_job_under_way_is_seen_although_its_provider_is_gone() -> None:
    view = a_view(a_story(story_scene("a")), {"a/image": running()})
    (scene,) = plan_story(replace(view, providers={})).views
    assert (scene.moving, scene.failed, scene.complete) == (True, False, False)


OWN = {"uri": "s3://stories/shared/a.png"}


@pytest.mark.parametrize(
    ("found", "error", "complete", "failed_too"),
    [
        pytest.param(None, None, False, False, id="not looked at yet"),
        pytest.param(OWN["uri"], None, True, False, id="found"),
        pytest.param("s3://stories/shared/old.png", None, False, False, id="found before an edit: another file"),
        pytest.param(None, "it is not there", False, True, id="not to be read"),
    ],
)
def test_a_file_of_the_users_own(found: str | None, error: str | None, complete: bool, failed_too: bool) -> None:
    view = a_view(a_story(story_scene("a", image=False, source=OWN)))
    output = an_output(uri=found) if found else None
    scene = view.scenes["a"]
    scene = scene.model_copy(update={"status": scene.status.model_copy(update={"source": output})})
    errors = {scene.metadata.uid: error} if error else {}
    (seen,) = plan_story(replace(view, scenes={"a": scene}, source_errors=errors)).views
    assert (seen.complete, seen.failed) == (complete, failed_too)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param({"a/image": failed(), "a/audio": running()}, False, id="not while something is under way"),
        pytest.param({"a/image": failed()}, False, id="not while something is still to be made"),
        pytest.param({"a/image": failed(), "a/audio": done()}, True, id="once nothing but the failure is left"),
        pytest.param({"a/image": failed(), "a/audio": unknown()}, False, id="not while an outcome is unknown"),
    ],
)
def test_a_scene_has_failed(steps: dict[str, Make], expected: bool) -> None:
    (view,) = plan_story(a_view(a_story(story_scene("a", audio=True)), steps)).views
    assert view.failed is expected


def test_a_clip_whose_picture_failed_does_not_keep_the_scene_from_having_failed() -> None:
    (view,) = plan_story(a_view(a_story(story_scene("a", video="image")), {"a/image": failed()})).views
    assert view.failed


# Retry by hand, and what an offer says


@pytest.mark.parametrize("on", ["the story", "the scene"])
def test_a_retry_by_hand_gives_what_failed_a_new_allowance_and_touches_nothing_else(on: str) -> None:
    story = a_story(story_scene("a", audio=True))
    view = a_view(story, {"a/image": failed(), "a/audio": done()})
    retry = {"annotations": {"storyjob.dev/retry": "again"}}
    if on == "the story":
        view = replace(view, story=story.model_copy(update={"metadata": story.metadata.model_copy(update=retry)}))
    else:
        scene: Scene = view.scenes["a"]
        view = replace(
            view, scenes={"a": scene.model_copy(update={"metadata": scene.metadata.model_copy(update=retry)})}
        )
    assert (standing(view, "a/image"), standing(view, "a/audio")) == (Standing.WANTED, Standing.DONE)


def test_an_offer_says_what_it_will_cost_and_whose_turn_it_is() -> None:
    known = providers() | {
        FLUX: a_provider(prices=[{"model": "flux-dev", "perGeneration": "0.025"}]),
        "voice": a_provider("elevenlabs", prices=[{"model": "*", "perCharacter": "0.001"}]),
    }
    story = a_story(story_scene("a"), story_scene("b", audio=True), priority=5, creation_timestamp=at(7))
    plan = plan_story(a_view(story, {"a/image": done()}, providers=known))
    assert [(offer.provider, offer.estimated) for offer in plan.offers] == [
        ("flux", Decimal("0.025")),
        ("voice", Decimal("0.001") * len("This is the b.")),
    ]
    assert plan.offers[0].order == (-5, at(7), "fox", 1)


def test_planning_twice_gives_the_same_plan() -> None:
    view = a_view(twins(batch={"size": 1}), {"a/image": running()})
    assert plan_story(view) == plan_story(view)
