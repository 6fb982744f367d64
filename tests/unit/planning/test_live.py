"""What a living attempt needs that nobody holds: wait, adopt, ask, stop, or be given up; never be bought again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepPhase as P
from storyjob.planning.actions import Adopt, Ask, LiveAction, Recover, Rest, Stop
from storyjob.planning.live import (
    CANCEL_POLL_SECONDS,
    CANCEL_SECONDS,
    CANCEL_TRIES,
    Memory,
    after_stop,
    must_stop,
    next_for,
)
from support.builders import NOW, a_callback, a_hash, a_step, at, capabilities, provider_spec

PROVIDER = provider_spec(timeoutSeconds=600, polling={"initialSeconds": 10, "factor": 2, "maxSeconds": 60})
AWAKE = Memory(awake_since=NOW)
SYNC = capabilities(modes=frozenset({Mode.SYNC}))
ORPHAN_SECONDS = 60
TOKEN = "0000" + a_hash("token")[4:]  # a job without jitter


def after(step: StepStatus, seconds: float, memory: Memory = AWAKE, can: Capabilities | None = None) -> LiveAction:
    return next_for(step, PROVIDER, can or capabilities(), memory, orphan_seconds=ORPHAN_SECONDS, now=at(seconds))


def kind(action: LiveAction) -> tuple[type[LiveAction], Reason | None]:
    return type(action), action.reason if isinstance(action, Recover) else None


def live(phase: P, **fields: Any) -> StepStatus:
    known: dict[str, Any] = {"token_hash": TOKEN}
    if phase in (P.RUNNING, P.STORING):
        known |= {"job_id": "job-1", "submitted_at": NOW}
    return a_step(phase, **(known | fields))


def told(seconds: float = 0, **fields: Any) -> Any:
    return a_callback(seconds, **({"token_hash": TOKEN} | fields))


# An intent without an answer


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0, Rest(at(90)), id="its call may still be under way"),
        pytest.param(89, Rest(at(90)), id="the submit's own time and the margin are not over"),
    ],
)
def test_an_intent_that_may_still_be_followed_by_its_call_is_left_alone(seconds: float, expected: LiveAction) -> None:
    assert after(live(P.SUBMITTING), seconds) == expected


def test_an_orphaned_intent_is_given_up_and_not_repeated() -> None:
    assert kind(after(live(P.SUBMITTING), 90)) == (Recover, Reason.OUTCOME_UNKNOWN)


def test_a_slow_vendor_has_more_time() -> None:
    assert after(live(P.SUBMITTING), 90, can=capabilities(submit_seconds=300)) == Rest(at(360))


# What a callback tells


@pytest.mark.parametrize("phase", [P.SUBMITTING, P.OUTCOME_UNKNOWN])
@pytest.mark.parametrize("ended", [True, False], ids=["it ended", "it began"])
def test_a_callback_with_our_token_tells_the_job(phase: P, ended: bool) -> None:
    assert after(live(phase, callback=told(ended=ended)), 1) == Adopt("job-1")


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        pytest.param(told(token_hash=a_hash("earlier")), Rest(), id="it is of an earlier attempt"),
        pytest.param(told(job_id=None), Rest(), id="it names no job"),
        pytest.param(None, Rest(), id="none came: only a person or the provider can tell"),
    ],
)
def test_an_unknown_outcome_stays_unknown(callback: Any, expected: LiveAction) -> None:
    assert after(live(P.OUTCOME_UNKNOWN, callback=callback), 10_000) == expected


def test_a_job_that_was_lost_knowing_its_id_is_not_adopted_again_and_again() -> None:
    """Its callback is still there; adopting it would lead to the same loss, and to that again, for ever."""
    lost = live(P.OUTCOME_UNKNOWN, job_id="job-1", callback=told(5))
    assert after(lost, 9, replace(AWAKE, asked_at=at(8))) == Rest()


def test_a_late_callback_about_a_lost_job_is_looked_into_once() -> None:
    lost = live(P.OUTCOME_UNKNOWN, job_id="job-1", callback=told(50))
    assert after(lost, 51, replace(AWAKE, asked_at=at(8))) == Ask()
    assert after(lost, 53, replace(AWAKE, asked_at=at(52))) == Rest()


@pytest.mark.parametrize("phase", [P.RUNNING, P.STORING])
def test_a_callback_makes_the_question_due_now_and_only_once(phase: P) -> None:
    step = live(phase, callback=told(3))
    assert after(step, 3) == Ask()
    assert after(step, 4, replace(AWAKE, asked_at=at(3.5))) == Rest(at(10))


# A job that runs


@pytest.mark.parametrize(
    ("seconds", "asked", "expected"),
    [
        pytest.param(1, None, Rest(at(10)), id="not yet due"),
        pytest.param(10, None, Ask(), id="due for the first time"),
        pytest.param(11, 10, Rest(at(30)), id="asked, and due again after a longer pause"),
        pytest.param(30, 10, Ask(), id="due again"),
        pytest.param(595, 590, Rest(at(600)), id="the next look is at the timeout at the latest"),
    ],
)
def test_polling(seconds: float, asked: float | None, expected: LiveAction) -> None:
    memory = replace(AWAKE, asked_at=None if asked is None else at(asked))
    assert after(live(P.RUNNING), seconds, memory) == expected


def test_questions_that_fell_due_while_nobody_was_awake_are_not_made_up_for_at_once() -> None:
    assert after(live(P.RUNNING), 100, Memory(awake_since=at(100))) == Rest(at(130))


@pytest.mark.parametrize(
    ("seconds", "asked", "stopped", "expected"),
    [
        pytest.param(600, 590, None, (Ask, None), id="at the timeout it is asked about once more"),
        pytest.param(601, 600, None, (Stop, None), id="and told to stop"),
        pytest.param(603, 602, 601, (Rest, None), id="then asked about every few seconds"),
        pytest.param(602 + CANCEL_POLL_SECONDS, 602, 601, (Ask, None), id="until it has ended"),
        pytest.param(601 + CANCEL_SECONDS, 602, 601, (Recover, Reason.TIMED_OUT), id="or was waited for long enough"),
    ],
)
def test_a_job_that_takes_too_long(
    seconds: float, asked: float, stopped: float | None, expected: tuple[type[LiveAction], Reason | None]
) -> None:
    memory = Memory(NOW, at(asked), None if stopped is None else at(stopped))
    assert kind(after(live(P.RUNNING), seconds, memory)) == expected


def test_a_request_to_stop_that_fails_is_repeated_some_times() -> None:
    memory, stops, asks = Memory(NOW, at(600)), [], 0
    for second in range(601, 700):
        match after(live(P.RUNNING), second, memory):
            case Stop():
                stops.append(second)
                memory = after_stop(memory, at(second), taken=False)
            case Ask():
                asks += 1
                memory = replace(memory, asked_at=at(second))
            case Recover(reason):
                assert reason is Reason.TIMED_OUT
                break
    assert stops == [601 + CANCEL_POLL_SECONDS * nth for nth in range(CANCEL_TRIES)]
    assert asks >= 10, "it may end by itself meanwhile"
    assert second == stops[-1] + CANCEL_SECONDS


def test_a_request_to_stop_that_was_taken_is_not_repeated() -> None:
    told_to = after_stop(Memory(NOW), at(601), taken=True)
    assert told_to.stopped_at == at(601)
    assert not must_stop(told_to, at(10_000))


@pytest.mark.parametrize("cancel", [Cancel.NONE, Cancel.DELETES_DATA])
def test_a_job_that_cannot_be_stopped_without_loss_is_only_asked_about(cancel: Cancel) -> None:
    can = capabilities(cancel=cancel)
    assert after(live(P.RUNNING), 605, replace(AWAKE, asked_at=at(600)), can) == Ask()
    late = replace(AWAKE, asked_at=at(655))
    assert kind(after(live(P.RUNNING), 660, late, can)) == (Recover, Reason.TIMED_OUT)


@pytest.mark.parametrize("cancel", [Cancel.NONE, Cancel.BEST_EFFORT])
def test_a_job_that_ended_long_ago_while_nobody_was_awake_is_asked_about_before_it_is_given_up(cancel: Cancel) -> None:
    assert after(live(P.RUNNING), 9_000, Memory(awake_since=at(9_000)), capabilities(cancel=cancel)) == Ask()


def test_a_job_that_nobody_saw_end_is_still_asked_about_and_not_stopped_again() -> None:
    step = live(P.OUTCOME_UNKNOWN, job_id="job-1", submitted_at=NOW, reason=Reason.TIMED_OUT)
    assert after(step, 700, Memory(NOW, at(690), at(600))) == Rest(at(730))
    assert after(step, 730, Memory(NOW, at(690), at(600))) == Ask()


def test_a_callback_at_the_last_moment_is_heard_before_the_job_is_stopped() -> None:
    assert after(live(P.RUNNING, callback=told(599)), 600, replace(AWAKE, asked_at=at(590))) == Ask()


# A result that is not stored yet


def test_a_result_that_the_provider_still_has_is_fetched_again_whatever_the_timeout() -> None:
    assert after(live(P.STORING), 5_000, replace(AWAKE, asked_at=at(10))) == Ask()


@pytest.mark.parametrize(
    ("step", "can"),
    [
        pytest.param(live(P.STORING, job_id=None), None, id="there is no job to ask about"),
        pytest.param(live(P.STORING), SYNC, id="the provider told it once and keeps nothing"),
    ],
)
def test_a_result_that_nobody_has_any_more_is_looked_for_in_the_bucket(
    step: StepStatus, can: Capabilities | None
) -> None:
    assert kind(after(step, 1, can=can)) == (Recover, Reason.OUTPUT_LOST)


def unreachable(**fields: Any) -> StepStatus:
    """Made after 100 s, and since then its host hands out nothing."""
    return live(P.STORING, reason=Reason.OUTPUT_UNREACHABLE, message="503", made_at=at(100), **fields)


@pytest.mark.parametrize(
    ("seconds", "asked", "expected"),
    [
        pytest.param(101, 100, (Rest, None), id="it is not hammered"),
        pytest.param(105, 100, (Ask, None), id="soon asked about again, for a fresh link"),
        pytest.param(699, 690, (Rest, None), id="it has as long as any job, from when it was made"),
        pytest.param(700, 690, (Ask, None), id="and one last question"),
        pytest.param(701, 700, (Recover, Reason.OUTPUT_UNREACHABLE), id="then a person is told, and nothing is bought"),
    ],
)
def test_a_result_that_its_host_does_not_hand_out(
    seconds: float, asked: float, expected: tuple[type[LiveAction], Reason | None]
) -> None:
    assert kind(after(unreachable(), seconds, replace(AWAKE, asked_at=at(asked)))) == expected


def test_a_callback_has_an_unreachable_result_fetched_at_once() -> None:
    step = unreachable(callback=told(101))
    assert after(step, 101, replace(AWAKE, asked_at=at(100))) == Ask()


def test_a_result_that_was_out_of_reach_for_too_long_is_still_asked_about() -> None:
    step = live(P.OUTCOME_UNKNOWN, job_id="job-1", submitted_at=NOW, reason=Reason.OUTPUT_UNREACHABLE)
    assert after(step, 10_000, replace(AWAKE, asked_at=at(700))) == Ask()


@pytest.mark.parametrize("phase", [P.WAITING, P.SUCCEEDED, P.FAILED])
def test_a_step_without_a_living_attempt_needs_nothing(phase: P) -> None:
    assert after(a_step(phase), 10_000) == Rest()
