"""The workflows run nothing that somebody else can change, and may do no more than each job needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yaml"))
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

Json = dict[str, Any]

each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def jobs(file: Path) -> dict[str, Json]:
    found: dict[str, Json] = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
    return found


def test_one_commit_of_an_action_is_used_everywhere() -> None:
    uses = {line for file in WORKFLOWS for line in re.findall(r"uses: .+", file.read_text(encoding="utf-8"))}

    assert [line for line in uses if not PINNED.fullmatch(line)] == []
    actions = [line.split("@")[0] for line in uses]
    assert sorted(actions) == sorted(set(actions))


@each_workflow
def test_a_job_has_the_rights_that_it_names_and_an_end(file: Path) -> None:
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["permissions"] == {}
    for name, job in jobs(file).items():
        assert job["permissions"]["contents"] in ("read", "write"), name
        assert 0 < job["timeout-minutes"] <= 60, name


@each_workflow
def test_only_the_last_run_of_a_branch_goes_on(file: Path) -> None:
    concurrency = yaml.safe_load(file.read_text(encoding="utf-8"))["concurrency"]

    assert "github.ref" in concurrency["group"]
    assert concurrency["cancel-in-progress"] is (file.stem != "release"), "a release that began is finished"


@each_workflow
def test_no_step_leaves_the_token_in_the_checkout(file: Path) -> None:
    checkouts = [
        step
        for job in jobs(file).values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout")
    ]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each_workflow
def test_the_targets_of_make_exist(file: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    scripts = [step.get("run", "") for job in jobs(file).values() for step in job["steps"]]

    assert {target for script in scripts for target in re.findall(r"\bmake ([a-z0-9-]+)", script)} <= targets
