"""Who may begin at a provider: its slots, its rate, its pauses, and the order of the stories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.mediaprovider import Limits
from storyjob.api.reasons import Reason
from storyjob.planning.admission import STARTS_AT_ONCE, Room, admit
from storyjob.planning.halt import Halt
from storyjob.planning.plan import Offer
from support.builders import NOW, a_hash, an_offer, at, step_name
from support.properties import quick


def room(concurrent: int = 10, in_flight: int = 0, rate: int | None = None, **fields: Any) -> Room:
    return Room(Limits(concurrent=concurrent, requests_per_minute=rate), in_flight, **fields)


def offers(count: int) -> list[Offer]:
    return [an_offer(f"s{place}/image", order=(0, NOW, "fox", place)) for place in range(count)]


@pytest.mark.parametrize(
    ("room", "admitted", "again"),
    [
        pytest.param(room(), STARTS_AT_ONCE, None, id="room for all that may begin at a time"),
        pytest.param(room(concurrent=1), 1, None, id="no more than slots: the end of a job makes room, not the clock"),
        pytest.param(room(concurrent=3, in_flight=2), 1, None, id="slots in use count"),
        pytest.param(room(concurrent=1, in_flight=5), 0, None, id="a limit that was lowered below what is under way"),
        pytest.param(room(rate=6), STARTS_AT_ONCE, None, id="a rate that leaves room"),
        pytest.param(room(rate=2), 2, 60, id="no more than the rate, and the clock makes room in a minute"),
        pytest.param(
            room(rate=3, started=(at(-50), at(-10))), 1, 10, id="starts of the last minute count, the oldest goes first"
        ),
        pytest.param(room(rate=2, started=(at(-60), at(-10))), 1, 50, id="a start a minute ago counts no more"),
        pytest.param(
            room(rate=2, started=(at(-3), at(-2)), in_flight=10), 0, None, id="no slot: the rate does not matter"
        ),
        pytest.param(room(starting=1), STARTS_AT_ONCE - 1, None, id="only a few begin at a time"),
        pytest.param(room(starting=STARTS_AT_ONCE + 1), 0, None, id="nobody while so many are beginning"),
        pytest.param(room(paused_until=at(30)), 0, 30, id="a provider that asked to slow down is left alone"),
        pytest.param(room(paused_until=at(0)), STARTS_AT_ONCE, None, id="until its time is over"),
    ],
)
def test_how_many_may_begin(room: Room, admitted: int, again: float | None) -> None:
    found = admit(offers(4), room, NOW)
    assert [step_name(offer.step) for offer in found.admitted] == [f"s{place}/image" for place in range(admitted)]
    assert found.again_at == (None if again is None else at(again))


def test_what_a_chain_waits_for_begins_beside_those_that_are_beginning() -> None:
    previous = offers(1)[0].step
    next_one = replace(an_offer("z/audio", order=(0, NOW, "fox", 9)), after=frozenset({previous}))
    assert admit([*offers(4), next_one], room(starting=STARTS_AT_ONCE), NOW).admitted == [next_one]
    assert len(admit([*offers(4), next_one], room(), NOW).admitted) == STARTS_AT_ONCE + 1
    assert admit([*offers(4), next_one], room(concurrent=1), NOW).admitted == offers(1), "slots are for all alike"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((-5, at(9), "z", 9), (0, at(0), "a", 0), id="a higher priority"),
        pytest.param((0, at(0), "z", 9), (0, at(1), "a", 0), id="an older story"),
        pytest.param((0, at(0), "a", 9), (0, at(0), "b", 0), id="the name, among stories of one age"),
        pytest.param((0, at(0), "a", 0), (0, at(0), "a", 1), id="the place in the story"),
    ],
)
def test_who_comes_first(first: Any, second: Any) -> None:
    found = admit([an_offer("b/image", order=second), an_offer("a/image", order=first)], room(concurrent=1), NOW)
    assert [step_name(offer.step) for offer in found.admitted] == ["a/image"]


def test_of_equal_wishes_of_several_stories_only_the_first_begins() -> None:
    same = a_hash("the same wish")
    found = admit(
        [
            an_offer("b/image", order=(0, at(1), "owl", 0), input_hash=same),
            an_offer("a/image", order=(0, at(0), "fox", 0), input_hash=same),
            an_offer("c/image", order=(0, at(2), "elk", 0)),
        ],
        room(concurrent=2),
        NOW,
    )
    assert [step_name(offer.step) for offer in found.admitted] == ["a/image", "c/image"]


def test_what_is_being_bought_already_is_not_bought_beside_it() -> None:
    offer = an_offer()
    assert admit([offer], room(buying={offer.input_hash}), NOW).admitted == []


HALT = Halt(Reason.QUOTA, "no credit", at(30))


def test_a_provider_that_refuses_the_account_is_left_alone_and_then_tried_with_one() -> None:
    found = admit(offers(4), room(halt=HALT), NOW)
    assert (found.admitted, found.again_at) == ([], at(30))
    assert len(admit(offers(4), room(halt=HALT), at(30)).admitted) == 1
    assert admit(offers(4), room(halt=HALT, unanswered=1), at(30)).admitted == []


def test_what_was_refused_itself_does_not_try_for_the_others() -> None:
    first, second = offers(2)
    found = admit([replace(first, refused=True), second], room(halt=HALT), at(30))
    assert [step_name(offer.step) for offer in found.admitted] == [step_name(second.step)]
    alone = admit([replace(first, refused=True)], room(halt=HALT), at(30))
    assert len(alone.admitted) == 1


@quick
@given(
    st.integers(0, 12), st.integers(1, 8), st.integers(0, 8), st.none() | st.integers(1, 8), st.lists(st.floats(-90, 0))
)
def test_no_limit_is_ever_broken(count: int, slots: int, busy: int, rate: int | None, starts: list[float]) -> None:
    started = tuple(at(seconds) for seconds in sorted(starts))
    found = admit(offers(count), room(slots, busy, rate, started=started), NOW)
    recent = sum(seconds > -60 for seconds in starts)
    assert len(found.admitted) <= max(0, slots - busy)
    assert rate is None or len(found.admitted) <= max(0, rate - recent)
    assert found.again_at is None or found.again_at > NOW
