"""When a job is asked about: computed from the job alone, so that waiting costs no writes and a restart no herd."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.mediaprovider import Polling
from storyjob.api.scene import CallbackRecord
from storyjob.api.step import StepPhase
from storyjob.planning.polling import SPREAD, fresh_callback, next_poll
from support.builders import NOW, a_callback, a_hash, a_step, at
from support.properties import quick

LEAST, MOST = "0" * 64, "f" * 64
POLLING = Polling(initial_seconds=10, factor=2, max_seconds=60)
POLLINGS = st.builds(
    Polling,
    initial_seconds=st.integers(1, 60),
    factor=st.sampled_from([1.0, 1.5, 2.0, 10.0]),
    max_seconds=st.integers(60, 600),
)
TOKENS = st.integers(0, 0xFFFF).map(lambda number: f"{number:04x}".ljust(64, "0"))


def times(polling: Polling, count: int, token: str = LEAST) -> list[float]:
    found, after = [], NOW
    for _ in range(count):
        after = next_poll(polling, NOW, token, after)
        found.append((after - NOW).total_seconds())
    return found


def test_pauses_grow_up_to_the_longest() -> None:
    assert times(POLLING, 6) == [10, 30, 70, 130, 190, 250]


def test_with_a_factor_of_1_pauses_stay_as_they_are() -> None:
    assert times(Polling(initial_seconds=10, factor=1, max_seconds=60), 4) == [10, 20, 30, 40]


def test_a_first_pause_above_the_longest_is_kept() -> None:
    assert times(Polling.model_construct(initial_seconds=90, factor=2, max_seconds=60), 3) == [90, 180, 270]


def test_jobs_that_began_together_are_asked_about_apart() -> None:
    assert times(POLLING, 2, MOST) == [10 * (1 + SPREAD), 30 * (1 + SPREAD)]


@quick
@given(POLLINGS, TOKENS, st.floats(0, 100_000), st.floats(0, 100_000))
def test_the_next_time_is_later_and_never_skips_one(polling: Polling, token: str, one: float, other: float) -> None:
    early, late = at(min(one, other)), at(max(one, other))
    first, second = next_poll(polling, NOW, token, early), next_poll(polling, NOW, token, late)
    assert early < first <= second
    assert late < second
    if late < first:
        assert first == second
    longest = max(polling.initial_seconds, polling.max_seconds) * (1 + SPREAD)
    assert second - late <= timedelta(seconds=longest + 0.001)


@quick
@given(POLLINGS, st.lists(TOKENS, min_size=1, max_size=3))
def test_after_a_restart_jobs_are_asked_about_where_they_would_have_been(polling: Polling, tokens: list[str]) -> None:
    """Nothing is remembered: whoever asks, and whenever, gets the same times."""
    restart = at(1_234)
    for token in tokens:
        walked = NOW
        while walked <= restart:
            walked = next_poll(polling, NOW, token, walked)
        again = next_poll(polling, NOW, token, restart)
        assert abs((again - walked).total_seconds()) < 0.01


@pytest.mark.parametrize(
    ("callback", "asked", "expected"),
    [
        pytest.param(None, None, False, id="none came"),
        pytest.param(a_callback(5), None, True, id="one came and nobody asked since"),
        pytest.param(a_callback(5), 4, True, id="it came after the last question"),
        pytest.param(a_callback(5), 5, True, id="in the same moment: rather once too often"),
        pytest.param(a_callback(5), 6, False, id="the question after it was asked"),
        pytest.param(a_callback(5, token_hash=a_hash("earlier")), None, False, id="it is of an earlier attempt"),
        pytest.param(a_callback(5, ended=False), None, False, id="it says that the job has begun"),
    ],
)
def test_a_callback_makes_the_next_question_due_now(
    callback: CallbackRecord | None, asked: float | None, expected: bool
) -> None:
    step = a_step(StepPhase.RUNNING, callback=callback)
    assert fresh_callback(step, None if asked is None else at(asked)) is expected
