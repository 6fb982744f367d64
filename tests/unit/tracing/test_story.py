"""What a story's statuses say of its times becomes one trace, the same whoever reads them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import StoryJob, StoryJobStatus
from storyjob.tracing.span import Span
from storyjob.tracing.story import step_spans, story_spans
from support.builders import a_callback, a_scene, a_step, a_story, an_output, at

IMAGE = StepKind.IMAGE
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEY = "storyjob.dev/traceparent"
Times = dict[str, tuple[datetime, datetime]]


def made(**fields: Any) -> StepStatus:
    known: dict[str, Any] = {
        "intent_at": at(2),
        "submitted_at": at(3),
        "made_at": at(20),
        "finished_at": at(21),
        "job_id": "job-1",
        "model": "flux-dev",
        "cost": "0.02",
        "output": an_output(),
    }
    return a_step(StepPhase.SUCCEEDED, **(known | fields))


def spans(step: StepStatus, story: StoryJob | None = None, **scene: Any) -> list[Span]:
    return step_spans(story or a_story(), a_scene(steps={IMAGE: step}, **scene), IMAGE, "replicate")


def times(found: list[Span]) -> Times:
    return {span.name: (span.start, span.end) for span in found}


def a_run(phase: Any = "Completed", **fields: Any) -> StoryJobStatus:
    known: dict[str, Any] = {"observed_generation": 1, "phase": phase, "start_time": at(1), "completion_time": at(40)}
    return StoryJobStatus(**(known | fields))


def root(status: StoryJobStatus, story: StoryJob | None = None, *scenes: Scene) -> list[Span]:
    return story_spans(story or a_story(), status, scenes, at(40), status.phase or "")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(
            made(),
            {
                "image": (at(0), at(21)),
                "wait": (at(0), at(2)),
                "submit": (at(2), at(3)),
                "run": (at(3), at(20)),
                "store": (at(20), at(21)),
            },
            id="a job that was waited for",
        ),
        pytest.param(
            made(submitted_at=None),
            {
                "image": (at(0), at(21)),
                "wait": (at(0), at(2)),
                "submit": (at(2), at(20)),
                "store": (at(20), at(21)),
            },
            id="an answer that held the result",
        ),
        pytest.param(
            made(attempt=2),
            {"image": (at(2), at(21)), "submit": (at(2), at(3)), "run": (at(3), at(20)), "store": (at(20), at(21))},
            id="of a later attempt nobody knows how long it waited",
        ),
        pytest.param(
            made(made_at=None),
            {"image": (at(0), at(21)), "wait": (at(0), at(2)), "submit": (at(2), at(3)), "run": (at(3), at(21))},
            id="found in the bucket after a crash",
        ),
        pytest.param(
            a_step(StepPhase.SUCCEEDED, attempt=0, intent_at=None, reused=True, finished_at=at(5)),
            {"image": (at(5), at(5))},
            id="served from the bucket",
        ),
        pytest.param(made(finished_at=None), {}, id="not ended"),
    ],
)
def test_the_spans_of_a_step(step: StepStatus, expected: Times) -> None:
    assert times(spans(step)) == expected


def test_a_step_added_by_an_edit_waited_since_the_edit() -> None:
    story = a_story(status=StoryJobStatus(start_time=at(1)))

    assert times(spans(made(), story))["wait"] == (at(1), at(2))


def test_parts_are_children_of_the_step_and_steps_of_the_run() -> None:
    story = a_story()
    whole, *parts = spans(made(), story)
    above, film = root(a_run(), story)

    assert {part.parent_id for part in parts} == {whole.span_id}
    assert whole.parent_id == film.parent_id == above.span_id
    assert above.parent_id is None
    assert len({span.span_id for span in (whole, *parts, above, film)}) == 7
    assert {span.trace for span in (whole, *parts, above, film)} == {above.trace}


def test_the_same_statuses_make_the_same_spans() -> None:
    assert spans(made()) == spans(made())
    assert root(a_run()) == root(a_run())


def test_attempts_and_runs_are_told_apart() -> None:
    steps = [made(), made(attempt=2), made(attempt=2, finished_at=at(30))]
    runs = [a_run(), a_run(retry="again"), a_run(observed_generation=2)]

    assert len({spans(step)[0].span_id for step in steps}) == 3
    assert len({root(run)[0].span_id for run in runs}) == 3


def test_what_is_told_of_a_step_is_no_prompt() -> None:
    whole = spans(made(callback=a_callback(19)))[0]

    assert whole.attributes == {
        "k8s.namespace.name": "stories",
        "storyjob.story.name": "fox",
        "storyjob.story.uid": "uid-fox",
        "storyjob.scene.name": "forest",
        "storyjob.attempt": 1,
        "storyjob.phase": "Succeeded",
        "storyjob.reused": False,
        "storyjob.provider": "flux",
        "storyjob.cost.usd": 0.02,
        "storyjob.output.bytes": 9,
        "gen_ai.operation.name": "generate_content",
        "gen_ai.output.type": "image",
        "gen_ai.provider.name": "replicate",
        "gen_ai.request.model": "flux-dev",
        "gen_ai.response.id": "job-1",
    }
    assert whole.events == (("callback", at(19)),)
    assert whole.error is None


def test_a_failed_attempt_says_why_in_one_word() -> None:
    step = a_step(StepPhase.WAITING, attempt=1, intent_at=at(1), finished_at=at(2), reason=Reason.THROTTLED)

    assert spans(step)[0].error == "Throttled"
    assert root(a_run("Failed"))[0].error == "Failed"


def test_a_run_lasts_from_apply_to_its_end_and_the_film_from_the_last_medium() -> None:
    scene = a_scene(steps={IMAGE: made(), StepKind.AUDIO: made(finished_at=at(30))})

    assert times(root(a_run(), None, scene)) == {"story": (at(0), at(40)), "film": (at(30), at(40))}
    assert times(root(a_run("Failed"), None, scene)) == {"story": (at(0), at(40))}


@pytest.mark.parametrize("fields", [{"observed_generation": 2}, {"retry": "again"}])
def test_a_later_run_begins_when_its_work_does(fields: dict[str, Any]) -> None:
    assert root(a_run(start_time=at(35), **fields))[0].start == at(35)


@pytest.mark.parametrize("key", [KEY, "tracing.k8s.io/traceparent"])
def test_an_annotation_makes_the_story_part_of_a_pipeline(key: str) -> None:
    story = a_story(annotations={key: f"00-{TRACE}-{SPAN}-01"})
    above, whole = root(a_run(), story)[0], spans(made(), story)[0]

    assert above.trace.trace_id == whole.trace.trace_id == int(TRACE, 16)
    assert above.parent_id == int(SPAN, 16)
    assert whole.parent_id == above.span_id


def test_of_two_annotations_ours_counts_and_nonsense_does_not() -> None:
    other = f"00-{'1' * 32}-{SPAN}-01"
    both = a_story(annotations={KEY: f"00-{TRACE}-{SPAN}-01", "tracing.k8s.io/traceparent": other})
    broken = a_story(annotations={KEY: "nonsense", "tracing.k8s.io/traceparent": other})

    assert root(a_run(), both)[0].trace.trace_id == int(TRACE, 16)
    assert root(a_run(), broken)[0].trace.trace_id == int("1" * 32, 16)
