"""Prometheus' own tool tests the chart's alerts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from storyjob.local.release import cache_home
from support.helm import CHART

ALERTS = CHART / "files" / "alerts.yaml"
CASES = Path(__file__).parent / "alerts.test.yaml"


@pytest.fixture(scope="module")
def promtool() -> str:
    """The one on the PATH, else that of Debian's package, unpacked into our cache."""
    if found := shutil.which("promtool"):
        return found
    cached = cache_home() / "promtool"
    if cached.is_file():
        return str(cached)
    with tempfile.TemporaryDirectory() as folder:
        for command in (["apt-get", "download", "-q", "prometheus"], ["sh", "-c", "dpkg-deb -x prometheus_*.deb ."]):
            try:
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
            except FileNotFoundError:
                pytest.skip("promtool is not on the PATH; install prometheus")
            if done.returncode != 0:
                pytest.skip(f"promtool is not on the PATH, and Debian's cannot be had: {done.stderr.strip()[-200:]}")
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(folder) / "usr" / "bin" / "promtool", cached)
    return str(cached)


def run(promtool: str, *arguments: str | Path) -> str:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "rules", ALERTS)


def test_each_alert_fires_when_it_should_and_only_then(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", CASES)


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    rules = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(CASES.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]]

    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == rules
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == rules
