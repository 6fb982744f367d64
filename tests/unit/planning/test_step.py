"""A step's life: what may follow what, what is refused, and what is remembered at each turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.outcome import Accepted, Failure, FailureKind
from storyjob.api.reasons import Reason
from storyjob.api.scene import FORMER_JOBS, StepStatus
from storyjob.api.step import StepPhase as P
from storyjob.planning import step as turns
from storyjob.planning.cost import step_spent
from storyjob.planning.retry import Again, GiveUp
from storyjob.planning.step import TRANSITIONS, Event, IllegalTransition
from support.builders import NOW, a_callback, a_hash, a_step, an_output, at
from support.properties import quick

AGAIN, GIVE_UP = Again(at(5), 1, Reason.GENERATION_FAILED), GiveUp(4, Reason.GENERATION_FAILED)
FAILURE = Failure(FailureKind.FAILED, "it broke")


def intend(step: StepStatus, *, allowance: str = "first", estimated: Decimal | None = None) -> StepStatus:
    return turns.intend(
        step,
        token_hash=a_hash("new token"),
        input_hash=a_hash("new input"),
        allowance=allowance,
        provider="flux",
        model="dev",
        estimated=estimated,
        now=at(9),
    )


def abandon(step: StepStatus, *, again: bool, resolution: str | None = None) -> StepStatus:
    return turns.abandon(step, again=again, message="it was chosen", resolution=resolution, now=at(8))


ACTIONS: dict[tuple[Event, P], Callable[[StepStatus], StepStatus]] = {
    (Event.INTEND, P.SUBMITTING): intend,
    (Event.REUSE, P.SUCCEEDED): lambda s: turns.reuse(s, input_hash=a_hash(), output=an_output(), model="dev", now=NOW),
    (Event.ACCEPT, P.RUNNING): lambda s: turns.accept(s, Accepted("job-1"), NOW),
    (Event.REJECT, P.WAITING): lambda s: turns.reject(s, FAILURE, AGAIN, NOW),
    (Event.REJECT, P.FAILED): lambda s: turns.reject(s, FAILURE, GIVE_UP, NOW),
    (Event.HOLD, P.STORING): lambda s: turns.hold(s, Reason.STORAGE, "the bucket refuses", NOW),
    (Event.STORE, P.SUCCEEDED): lambda s: turns.store(s, an_output(), None, NOW),
    (Event.FAIL, P.WAITING): lambda s: turns.fail(s, "it broke", AGAIN, NOW, None),
    (Event.FAIL, P.FAILED): lambda s: turns.fail(s, "it broke", GIVE_UP, NOW, None),
    (Event.LOSE, P.OUTCOME_UNKNOWN): lambda s: turns.lose(s, Reason.OUTCOME_UNKNOWN, "no answer", NOW),
    (Event.ABANDON, P.WAITING): lambda s: abandon(s, again=True),
    (Event.ABANDON, P.FAILED): lambda s: abandon(s, again=False),
}
FROM: dict[Event, set[P]] = {
    Event.INTEND: {P.WAITING, P.SUCCEEDED, P.FAILED},
    Event.REUSE: {P.WAITING, P.SUCCEEDED, P.FAILED},
    Event.ACCEPT: {P.SUBMITTING, P.OUTCOME_UNKNOWN},
    Event.REJECT: {P.SUBMITTING},
    Event.HOLD: {P.SUBMITTING, P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN},
    Event.STORE: {P.SUBMITTING, P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN},
    Event.FAIL: {P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN},
    Event.ABANDON: {P.OUTCOME_UNKNOWN},
    Event.LOSE: {P.SUBMITTING, P.RUNNING, P.STORING, P.OUTCOME_UNKNOWN},
}


def test_throttles_are_counted_until_a_provider_takes_something() -> None:
    busy = turns.reject(a_step(P.SUBMITTING), FAILURE, Again(at(5), 0, Reason.THROTTLED, 3), NOW)
    again = intend(busy, allowance=busy.allowance)
    assert (busy.throttles, again.throttles) == (3, 3)
    assert turns.accept(again, Accepted("job-1"), NOW).throttles == 0
    assert intend(busy, allowance="an edit").throttles == 0


def cases(*, legal: bool) -> list[object]:
    return [
        pytest.param(
            source, event, target, id=f"{event} {'leads' if legal else 'never leads'} from {source} to {target}"
        )
        for event, target in ACTIONS
        for source in P
        if (source in FROM[event]) is legal
    ]


@pytest.mark.parametrize(("source", "event", "target"), cases(legal=True))
def test_a_turn_of_a_step(source: P, event: Event, target: P) -> None:
    assert ACTIONS[event, target](a_step(source)).phase is target


@pytest.mark.parametrize(("source", "event", "target"), cases(legal=False))
def test_a_turn_that_is_refused(source: P, event: Event, target: P) -> None:
    with pytest.raises(IllegalTransition, match=f"{event} leads from {source}"):
        ACTIONS[event, target](a_step(source))


def test_the_table_holds_these_transitions_and_no_others() -> None:
    table = {event: (set(sources), set(targets)) for event, (sources, targets) in TRANSITIONS.items()}
    assert table == {event: (FROM[event], {to for e, to in ACTIONS if e is event}) for event in Event}


@pytest.mark.parametrize("phase", [phase for phase in P if a_step(phase).live])
def test_the_money_rule_nothing_is_bought_over_a_living_attempt(phase: P) -> None:
    with pytest.raises(IllegalTransition):
        intend(a_step(phase))


@quick
@given(st.lists(st.sampled_from(sorted(ACTIONS)), max_size=25))
def test_no_sequence_of_turns_has_two_attempts_alive(moves: list[tuple[Event, P]]) -> None:
    step, alive = StepStatus(), False
    for event, target in moves:
        try:
            after = ACTIONS[event, target](step)
        except IllegalTransition:
            continue
        if event is Event.INTEND:
            assert not alive
            assert after.attempt == step.attempt + 1
        else:
            assert after.attempt == step.attempt
        step, alive = after, after.live
        assert step_spent(step) >= 0


def test_an_attempt_begins_with_nothing_but_the_costs_and_the_job_of_the_one_before() -> None:
    before = a_step(
        P.SUCCEEDED, output=an_output(), callback=a_callback(), job_id="old", finished_at=NOW, reason="x", message="y"
    )
    step = intend(before, estimated=Decimal("0.020"))
    assert step == StepStatus(
        phase=P.SUBMITTING,
        attempt=2,
        allowance="first",
        token_hash=a_hash("new token"),
        input_hash=a_hash("new input"),
        provider="flux",
        model="dev",
        intent_at=at(9),
        estimated_cost="0.02",
        previous_cost="0",
        former_jobs=["old"],
    )


@pytest.mark.parametrize(
    ("allowance", "failures"),
    [
        pytest.param("first", 2, id="failures go on being counted within an allowance"),
        pytest.param("second", 0, id="a new wish or a retry by hand starts from 0"),
    ],
)
def test_failures_are_counted_by_allowance(allowance: str, failures: int) -> None:
    assert intend(a_step(P.WAITING, failures=2, allowance="first"), allowance=allowance).failures == failures


def test_the_job_is_kept_until_its_bytes_are_stored() -> None:
    step = turns.accept(a_step(P.SUBMITTING), Accepted("job-1", {"get": "https://there"}), at(1))
    assert (step.job_id, step.handles, step.submitted_at) == ("job-1", {"get": "https://there"}, at(1))
    lost = turns.lose(step, Reason.OUTPUT_LOST, "gone", NOW)
    assert (lost.job_id, lost.handles) == ("job-1", {"get": "https://there"})
    stored = turns.store(lost, an_output(), Decimal("0.5"), at(2))
    assert (stored.job_id, stored.handles, stored.reason, stored.message) == ("job-1", None, None, None)
    assert (stored.output, stored.cost, stored.finished_at) == (an_output(), "0.5", at(2))


def test_what_a_provider_does_not_price_costs_its_estimate() -> None:
    assert turns.store(a_step(P.RUNNING, estimated_cost="0.02"), an_output(), None, NOW).cost == "0.02"


def test_what_a_provider_surely_did_not_take_costs_nothing() -> None:
    step = turns.reject(a_step(P.SUBMITTING, estimated_cost="0.02"), FAILURE, AGAIN, NOW)
    assert step_spent(step) == 0


def test_a_failure_says_when_and_why_and_when_it_is_tried_again() -> None:
    # Kubernetes' times hold whole seconds: rounded up, so that it is not tried too soon.
    again = replace(AGAIN, at=at(5) + timedelta(milliseconds=1))
    step = turns.fail(a_step(P.RUNNING), "x" * 600, again, at(1), Decimal("0.01"))
    assert (step.failures, step.retry_at, step.finished_at, step.cost) == (1, at(6), at(1), "0.01")
    assert (step.reason, len(step.message or "")) == (Reason.GENERATION_FAILED, 500)
    given_up = turns.fail(a_step(P.RUNNING), "it broke", GIVE_UP, at(1), None)
    assert (given_up.failures, given_up.retry_at) == (4, None)


def test_what_is_taken_from_the_bucket_is_free_and_keeps_what_was_paid_before() -> None:
    step = turns.reuse(
        a_step(P.FAILED, attempt=3, cost="0.02", previous_cost="0.04"),
        input_hash=a_hash(),
        output=an_output(),
        model="dev",
        now=NOW,
    )
    assert (step.reused, step.attempt, step.token_hash, step_spent(step)) == (True, 3, None, Decimal("0.06"))


# An outcome that nobody knows


def lost(**fields: object) -> StepStatus:
    return turns.lose(a_step(P.SUBMITTING, estimated_cost="0.04", **fields), Reason.OUTCOME_UNKNOWN, "no answer", NOW)


def test_it_is_known_since_when_nobody_knows() -> None:
    again = turns.lose(lost(), Reason.OUTCOME_UNKNOWN, "still no answer", at(60))
    assert (lost().lost_at, again.lost_at) == (NOW, NOW)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(lambda s: turns.accept(s, Accepted("job-1"), at(9)), id="the job was found"),
        pytest.param(lambda s: turns.store(s, an_output(), None, at(9)), id="its bytes were found"),
        pytest.param(lambda s: turns.fail(s, "it broke", GIVE_UP, at(9), None), id="it is known to have failed"),
        pytest.param(lambda s: turns.take(s, "job-1", "job-1", at(9)), id="a person named the job"),
    ],
)
def test_what_was_found_is_no_possible_duplicate(found: Callable[[StepStatus], StepStatus]) -> None:
    step = found(lost())
    assert step.lost_at is None
    if not step.live:
        assert intend(step).possible_duplicate is None


def test_what_is_bought_again_unknown_counts_as_a_possible_duplicate_each_time() -> None:
    same = a_hash("new input")
    second = intend(abandon(lost(input_hash=same), again=True), estimated=Decimal("0.05"))
    assert (second.possible_duplicate, second.previous_cost, second.lost_at) == ("0.04", "0.04", None)
    lost_again = turns.lose(second, Reason.OUTCOME_UNKNOWN, "no answer", at(20))
    third = intend(abandon(lost_again, again=False))  # given up, and then a retry was asked for
    assert (third.possible_duplicate, third.previous_cost) == ("0.09", "0.09")


def test_another_wish_is_no_duplicate_of_what_was_given_up() -> None:
    assert intend(abandon(lost(input_hash=a_hash("old")), again=True)).possible_duplicate is None


def test_the_jobs_of_earlier_attempts_stay_known() -> None:
    step = a_step(P.WAITING, job_id="job-1")
    second = intend(step).model_copy(update={"phase": P.WAITING})
    third = intend(second.model_copy(update={"job_id": "job-2"}))
    assert (second.former_jobs, third.former_jobs, third.job_id) == (["job-1"], ["job-1", "job-2"], None)
    many = [f"job-{number}" for number in range(FORMER_JOBS)]
    assert intend(a_step(P.WAITING, job_id="new", former_jobs=many)).former_jobs == [*many[1:], "new"]


def test_an_order_that_was_obeyed_is_remembered_over_the_next_attempts() -> None:
    step = intend(abandon(lost(), again=True, resolution="resubmit"))
    assert step.resolution == "resubmit"
    assert turns.take(lost(), "job-1", "job-1 it is", NOW).resolution == "job-1 it is"
