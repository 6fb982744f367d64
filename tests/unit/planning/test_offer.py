"""An offer is made from a view that may be old: what happened since must keep it from being bought twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.planning.offer import why_void
from storyjob.planning.plan import Offer
from storyjob.planning.view import StepId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WISH, OTHER_WISH = "a" * 64, "b" * 64
LATER, EARLIER = NOW + timedelta(seconds=5), NOW - timedelta(seconds=5)


def an_offer() -> Offer:
    step = StepId("scene-uid", StepKind.AUDIO)
    return Offer(step, "forest", "voice", WISH, "allowance", estimated=None, order=(0, NOW, "fox", 0))


@pytest.mark.parametrize(
    ("after", "generated", "expected"),
    [
        pytest.param([], [], True, id="an offer that waits for nobody"),
        pytest.param(["a"], [], False, id="not while the other is with its provider"),
        pytest.param(["a"], ["b"], False, id="not by the end of a stranger"),
        pytest.param(["a", "b"], ["b"], True, id="once any of those before it is made"),
    ],
)
def test_whose_turn_it_is(after: list[str], generated: list[str], *, expected: bool) -> None:
    offer = replace(an_offer(), after=frozenset(StepId(uid, StepKind.AUDIO) for uid in after))
    assert offer.is_due({StepId(uid, StepKind.AUDIO) for uid in generated}) is expected


@pytest.mark.parametrize(
    "step",
    [
        pytest.param({"phase": "Submitting"}, id="an intent was written"),
        pytest.param({"phase": "OutcomeUnknown"}, id="nobody knows how the attempt ended"),
        pytest.param({"phase": "Succeeded", "input_hash": WISH}, id="it was bought, or found in the bucket"),
        pytest.param({"phase": "Failed", "allowance": "allowance"}, id="its retries were used up"),
        pytest.param(
            {"phase": "Waiting", "allowance": "allowance", "retry_at": LATER}, id="it waits to be tried again"
        ),
    ],
)
def test_an_overtaken_offer_is_void(step: dict[str, Any]) -> None:
    assert why_void(an_offer(), StepStatus(**step), NOW)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param({"phase": "Waiting"}, id="nothing was bought yet"),
        pytest.param({"phase": "Succeeded", "input_hash": OTHER_WISH}, id="what there is was another wish's"),
        pytest.param({"phase": "Failed", "allowance": "another"}, id="the failures were an earlier wish's"),
        pytest.param({"phase": "Waiting", "allowance": "allowance", "retry_at": EARLIER}, id="its backoff is over"),
    ],
)
def test_a_fresh_offer_holds(step: dict[str, Any]) -> None:
    assert why_void(an_offer(), StepStatus(**step), NOW) is None


def test_every_live_phase_voids_an_offer() -> None:
    live = [phase for phase in StepPhase if StepStatus(phase=phase).live]
    assert len(live) == 4
    assert all(why_void(an_offer(), StepStatus(phase=phase), NOW) for phase in live)
