"""The deadline, which stands still while suspended and after the end, and the time to live after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.conditions import Condition
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.planning.clock import Clock, deadline, expires_at, run_clock
from support.builders import NOW, a_story, at
from support.properties import quick


def story(
    *, suspend: bool = False, generation: int = 1, annotations: dict[str, str] | None = None, **status: Any
) -> StoryJob:
    return a_story(
        suspend=suspend,
        generation=generation,
        annotations=annotations or {},
        activeDeadlineSeconds=100,
        status=StoryJobStatus(**({"observed_generation": 1} | status)),
    )


def failed_for(reason: str) -> dict[str, Any]:
    condition = Condition(type="Failed", status="True", reason=reason, last_transition_time=at(50))
    return {"start_time": NOW, "completion_time": at(50), "conditions": [condition]}


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(story(observed_generation=-1), Clock(at(500), 0), id="it starts with the work"),
        pytest.param(story(start_time=NOW), Clock(NOW, 0), id="it runs on"),
        pytest.param(story(start_time=NOW, generation=2), Clock(NOW, 0), id="also through an edit of a running story"),
        pytest.param(story(start_time=NOW, suspend=True), Clock(None, 500), id="it stops while suspended"),
        pytest.param(story(active_seconds=30, suspend=True), Clock(None, 30), id="and stands"),
        pytest.param(story(active_seconds=30), Clock(at(500), 30), id="it goes on at resume with what was used"),
        pytest.param(story(observed_generation=-1, suspend=True), Clock(None, 0), id="a story born suspended"),
        pytest.param(
            story(**failed_for("SceneFailed")), Clock(at(500), 0), id="work that comes after the end has all its time"
        ),
        pytest.param(story(**failed_for("DeadlineExceeded")), Clock(NOW, 0), id="a deadline that is over stays over"),
        pytest.param(
            story(**failed_for("DeadlineExceeded"), generation=2), Clock(at(500), 0), id="until the story is edited"
        ),
        pytest.param(
            story(**failed_for("DeadlineExceeded"), annotations={"storyjob.dev/retry": "1"}),
            Clock(at(500), 0),
            id="or a retry is asked for",
        ),
        pytest.param(
            story(**failed_for("DeadlineExceeded"), annotations={"storyjob.dev/retry": "1"}, retry="1"),
            Clock(NOW, 0),
            id="a retry that was acted on gives no time again",
        ),
        pytest.param(
            story(**failed_for("DeadlineExceeded"), annotations={"storyjob.dev/retry": "x" * 300}, retry="x" * 256),
            Clock(NOW, 0),
            id="nor one whose text is longer than a status keeps",
        ),
    ],
)
def test_the_clock(story: StoryJob, expected: Clock) -> None:
    assert run_clock(story, at(500)) == expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        pytest.param(Clock(NOW, 0), at(100), id="as long as the story says"),
        pytest.param(Clock(NOW, 30), at(70), id="less what was used before"),
        pytest.param(Clock(None, 30), None, id="none while it stands"),
    ],
)
def test_the_deadline(clock: Clock, expected: datetime | None) -> None:
    assert deadline(story(), clock) == expected


def test_a_story_without_a_limit_has_no_deadline() -> None:
    assert deadline(a_story(), Clock(NOW, 0)) is None


@quick
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=6))
def test_only_time_that_was_not_suspended_counts(spans: list[tuple[int, int]]) -> None:
    moment, status, used = 0, StoryJobStatus(), 0
    for generation, (works, rests) in enumerate(spans, start=1):
        for suspend, seconds in ((False, works), (True, rests)):
            wanted = a_story(
                suspend=suspend, generation=2 * generation + suspend, activeDeadlineSeconds=100, status=status
            )
            clock = run_clock(wanted, at(moment))
            due = deadline(wanted, clock)
            assert (due is None) is suspend
            assert due is None or due == at(moment + 100 - used)
            status = StoryJobStatus(
                observed_generation=wanted.metadata.generation,
                start_time=clock.start,
                active_seconds=clock.used_seconds,
            )
            moment += seconds
        used += works
        assert run_clock(a_story(suspend=True, generation=1, status=status), at(moment)).used_seconds == used


@pytest.mark.parametrize(
    ("spec", "generation", "ended", "expected"),
    [
        pytest.param({"ttlSecondsAfterFinished": 60}, 1, at(5), at(65), id="so long after the end"),
        pytest.param({"ttlSecondsAfterFinished": 0}, 1, at(5), at(5), id="at once"),
        pytest.param({"ttlSecondsAfterFinished": 60}, 1, None, None, id="not while it goes on"),
        pytest.param({"ttlSecondsAfterFinished": 60}, 2, at(5), None, id="not when an edit may have made new work"),
        pytest.param({}, 1, at(5), None, id="never, unless somebody asks for it"),
    ],
)
def test_time_to_live(spec: dict[str, int], generation: int, ended: datetime | None, expected: datetime | None) -> None:
    status = StoryJobStatus(observed_generation=1, completion_time=ended)
    assert expires_at(a_story(**spec, generation=generation, status=status)) == expected
