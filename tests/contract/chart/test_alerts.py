"""Prometheus' own tool tests the chart's alerts."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.helm import CHART
from support.promtool import Promtool, get_promtool

ALERTS = CHART / "files" / "alerts.yaml"
CASES = Path(__file__).parent / "alerts.test.yaml"


@pytest.fixture(scope="module")
def promtool() -> Promtool:
    return get_promtool()


def test_the_rules_are_valid(promtool: Promtool) -> None:
    assert "SUCCESS" in promtool("check", "rules", ALERTS)


def test_each_alert_fires_when_it_should_and_only_then(promtool: Promtool) -> None:
    assert "SUCCESS" in promtool("test", "rules", CASES)


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    rules = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(CASES.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]]

    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == rules
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == rules
