"""Which faults strike what, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.api.step import StepKind
from storyjob.simulator.fault import SCRIPT, Route
from storyjob.simulator.script import FaultScript, Subject

IMAGE = Subject("replicate", StepKind.IMAGE, "black-forest-labs/flux-dev", "a small fox")


def a_script(*faults: dict[str, Any]) -> FaultScript:
    script = FaultScript()
    script.add(SCRIPT.validate_python(list(faults)))
    return script


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        pytest.param({}, True, id="no condition matches all"),
        pytest.param({"vendor": "replicate", "kind": "image"}, True, id="all conditions hold"),
        pytest.param({"vendor": "replicate", "kind": "video"}, False, id="one condition fails"),
        pytest.param({"prompt_contains": "fox"}, True, id="a part of the prompt"),
        pytest.param({"model": "flux-dev"}, False, id="a model is matched as a whole"),
        pytest.param({"route": "submit"}, True, id="this route"),
        pytest.param({"route": "poll"}, False, id="another route"),
    ],
)
def test_match(match: dict[str, Any], strikes: bool) -> None:
    script = a_script({"fault": "drop", "match": match})
    assert (script.answer(Route.SUBMIT, IMAGE) is not None) == strikes


def test_rules_are_taken_in_order_each_as_often_as_it_says() -> None:
    script = a_script({"fault": "status", "status": 429, "times": 2}, {"fault": "drop"})
    taken = [script.answer(Route.SUBMIT, IMAGE) for _ in range(4)]
    assert [fault.fault if fault else None for fault in taken] == ["status", "status", "drop", None]


def test_null_times_strikes_for_ever() -> None:
    script = a_script({"fault": "drop", "times": None})
    assert all(script.answer(Route.POLL, IMAGE) for _ in range(50))
    script.clear()
    assert script.answer(Route.POLL, IMAGE) is None


def test_a_job_takes_one_of_each_kind_of_fault() -> None:
    script = a_script(
        {"fault": "never-finish"}, {"fault": "lost-webhook"}, {"fault": "lost-webhook"}, {"fault": "drop"}
    )
    assert set(script.job(IMAGE)) == {"never-finish", "lost-webhook"}
    assert set(script.job(IMAGE)) == {"lost-webhook"}


def test_latency_and_a_spoiled_answer_can_strike_together() -> None:
    script = a_script({"fault": "latency", "seconds": 1}, {"fault": "not-json"})
    assert script.latency(Route.POLL, IMAGE) is not None
    assert script.answer(Route.POLL, IMAGE) is not None


def test_media_faults_strike_downloads() -> None:
    script = a_script({"fault": "wrong-media"})
    assert script.answer(Route.DOWNLOAD, IMAGE) is None
    assert script.media(IMAGE) is not None
    assert script.pending() == []
