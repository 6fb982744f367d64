"""Everything dies at random while stories are made: each generation is bought once, and no film differs."""

from __future__ import annotations

import os
import random

import pytest

from support.chaos.battlefield import Battlefield
from support.chaos.campaign import Orders, Outcome, march
from support.chaos.cast import Cast
from support.stage import a_tag


def campaign(field: Battlefield, orders: Orders) -> Outcome:
    tag, (war, peace) = a_tag(), field.stage.namespaces
    outcome = march(field, Cast(field, peace, tag), Cast(field, war, tag), orders)
    print(outcome.report())
    return outcome


@pytest.mark.timeout(900)
def test_a_few_stories_outlive_a_few_kills(battlefield: Battlefield) -> None:
    outcome = campaign(battlefield, Orders(stories=5, kills=10, seed=int(os.environ.get("CHAOS_SEED") or 7)))
    assert not outcome.findings, outcome.findings
    assert outcome.completed == 5


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_stories_outlive_many_kills(battlefield: Battlefield, capsys: pytest.CaptureFixture[str]) -> None:
    count = int(os.environ.get("CHAOS_STORIES", "60"))
    orders = Orders(
        stories=count,
        kills=int(os.environ.get("CHAOS_KILLS", "200")),
        seed=int(os.environ.get("CHAOS_SEED") or random.randrange(10**6)),
        unfindable=count // 6,
    )
    with capsys.disabled():
        outcome = campaign(battlefield, orders)
    assert not outcome.findings, outcome.findings
    assert outcome.completed >= count - outcome.findings.given_up
