"""What random schedules found, each as the smallest schedule that shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulation.small import FAIR, LOSSES
from simulation.weather import Channel, Outage
from simulation.world import Report, run_schedule, stage
from storyjob.planning import step as turns


def ran(**changes: Any) -> Report:
    """Run the schedule of one picture in a fair world, but for some changes."""
    with stage() as folder:
        return run_schedule(replace(FAIR, **changes), folder)


def test_one_picture_in_a_fair_world_is_bought_once() -> None:
    report = ran()
    assert (report.broken, report.phases, report.bought) == (None, ("Completed",), 1)


def test_a_download_that_fails_for_minutes_is_no_reason_to_buy_again() -> None:
    report = ran(calm_at=300.0, outages=(Outage(Channel.DOWNLOAD, 0.0, 240.0),))
    assert report.faults["download/refused"] > 4
    assert (report.broken, report.phases, report.bought) == (None, ("Completed",), 1)


def test_a_lost_job_is_never_taken_for_one_of_an_earlier_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage() as folder:
        assert run_schedule(replace(LOSSES, seed=23), folder).broken is None
        # Without what is remembered of them, this very schedule takes one over.
        monkeypatch.setattr(turns, "_former_jobs", lambda step: None)
        assert "another attempt has it" in (run_schedule(replace(LOSSES, seed=23), folder).broken or "")
