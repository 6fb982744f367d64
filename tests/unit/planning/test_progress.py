"""The one number that people look at: images fill 0 to 50, narrations 50 to 100, and the film is the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.storyjob import StepCounts, StepTotals
from storyjob.planning.progress import percent, scene_counts, step_totals
from storyjob.planning.story import plan_story
from support.builders import Make, a_story, a_view, done, failed, running, stale, story_scene
from support.properties import quick


def totals(**counts: tuple[int, int]) -> StepTotals:
    return StepTotals(**{kind: StepCounts(succeeded=done, total=total) for kind, (done, total) in counts.items()})


@pytest.mark.parametrize(
    ("counts", "film", "expected"),
    [
        pytest.param({"image": (0, 20), "audio": (0, 20)}, False, 0, id="nothing"),
        pytest.param({"image": (20, 20), "audio": (0, 20)}, False, 50, id="all pictures are one half"),
        pytest.param({"image": (18, 20), "audio": (7, 20)}, False, 62, id="each kind counts as much as the other"),
        pytest.param({"image": (20, 20), "audio": (20, 20)}, False, 99, id="all media but no film"),
        pytest.param({"image": (20, 20), "audio": (20, 20)}, True, 100, id="the film"),
        pytest.param({"image": (1, 1), "audio": (0, 1), "video": (0, 1)}, False, 33, id="three kinds are thirds"),
        pytest.param({"image": (29, 100)}, False, 29, id="29 of 100 is 29, which floating point does not know"),
        pytest.param({}, False, 99, id="only files of one's own: only the film is missing"),
    ],
)
def test_percent(counts: dict[str, tuple[int, int]], film: bool, expected: int) -> None:
    assert percent(totals(**counts), film_done=film) == expected


@quick
@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_percent_grows_with_what_is_done_and_is_100_only_with_the_film(
    images: int, narrations: int, image: int, narration: int
) -> None:
    image, narration = min(image, images), min(narration, narrations)
    now = percent(totals(image=(image, images), audio=(narration, narrations)), film_done=False)
    more = percent(totals(image=(min(image + 1, images), images), audio=(narration, narrations)), film_done=False)
    assert 0 <= now <= more <= 99


STEPS: dict[str, Make] = {
    "a/image": done(reused=True),
    "a/audio": done(reused=True),
    "b/image": done(),
    "b/audio": running(),
    "c/image": failed(),
    "c/audio": done(),
    "d/image": stale(),
}


def test_scenes_and_steps_are_counted_as_they_stand_to_the_wish_of_now() -> None:
    story = a_story(*[story_scene(name, audio=True) for name in "abcd"])
    views = plan_story(a_view(story, STEPS, without=["e"])).views
    assert step_totals(views) == totals(image=(2, 4), audio=(2, 4))
    counts = scene_counts(views)
    assert (counts.total, counts.active, counts.succeeded, counts.failed, counts.reused) == (4, 1, 1, 1, 1)
    assert counts.summary == "1/4"


def test_scenes_that_are_not_made_yet_count_and_kinds_that_nobody_asks_for_do_not() -> None:
    views = plan_story(a_view(a_story(story_scene("a")), without=["a"])).views
    assert step_totals(views) == totals(image=(0, 1))
