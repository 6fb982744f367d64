"""From one status to the next: nothing is touched that did not change, and the sidecar's field never."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.scene import SceneStatus, Steps, StepStatus
from storyjob.api.step import StepPhase
from storyjob.cluster.patches import object_patch, status_patch
from support.builders import a_callback, a_hash, a_step
from support.properties import quick

RUNNING = a_step(StepPhase.RUNNING, job_id="job-1")
SUBMITTING = a_step(StepPhase.SUBMITTING)


def status(image: StepStatus | None = None, audio: StepStatus | None = None, **fields: Any) -> SceneStatus:
    given_steps = {kind: step for kind, step in (("image", image), ("audio", audio)) if step is not None}
    return SceneStatus(**(fields | ({"steps": Steps(**given_steps)} if given_steps else {})))


def paths(before: SceneStatus, after: SceneStatus) -> list[tuple[str, str]]:
    return [(operation["op"], operation["path"]) for operation in status_patch(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(status(RUNNING), status(RUNNING), [], id="nothing changed"),
        pytest.param(status(), status(SUBMITTING), [("add", "/status/steps")], id="the first step of all"),
        pytest.param(
            status(RUNNING), status(RUNNING, SUBMITTING), [("add", "/status/steps/audio")], id="the first of its kind"
        ),
        pytest.param(
            status(SUBMITTING),
            status(SUBMITTING.model_copy(update={"phase": StepPhase.RUNNING, "job_id": "job-1"})),
            [("add", "/status/steps/image/phase"), ("add", "/status/steps/image/jobId")],
            id="field by field while the attempt stays",
        ),
        pytest.param(
            status(RUNNING),
            status(RUNNING.model_copy(update={"job_id": None})),
            [("remove", "/status/steps/image/jobId")],
            id="what is unset is removed",
        ),
        pytest.param(
            status(RUNNING),
            status(a_step(StepPhase.SUBMITTING, token_hash=a_hash("another"))),
            [("add", "/status/steps/image")],
            id="a new attempt replaces the old one whole",
        ),
        pytest.param(
            status(RUNNING.model_copy(update={"callback": a_callback()})),
            status(RUNNING.model_copy(update={"callback": None})),
            [],
            id="a callback is never removed",
        ),
        pytest.param(
            status(RUNNING),
            status(RUNNING.model_copy(update={"callback": a_callback()})),
            [],
            id="a callback is never written",
        ),
        pytest.param(
            status(phase="Pending", observed_generation=1),
            status(phase="Processing", observed_generation=1),
            [("add", "/status/phase")],
            id="of the status itself only what changed",
        ),
    ],
)
def test_status_patch(before: SceneStatus, after: SceneStatus, expected: list[tuple[str, str]]) -> None:
    assert paths(before, after) == expected


def test_steps_that_nothing_happened_to_are_not_mentioned() -> None:
    assert status_patch(status(RUNNING, SUBMITTING), status(RUNNING)) == []


OBJECTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)


@quick
@given(OBJECTS, OBJECTS)
def test_a_patch_leads_from_the_old_object_to_the_new(old: dict[str, int], new: dict[str, int]) -> None:
    result = copy.deepcopy(old)
    for operation in object_patch("", old, new):
        name = operation["path"].removeprefix("/")
        if operation["op"] == "add":
            result[name] = operation["value"]
        else:
            del result[name]
    assert result == new
