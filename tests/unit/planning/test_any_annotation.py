"""Whatever somebody writes into the annotations that are obeyed: it is an order, or it is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from storyjob.api.resource import RETRY_ANNOTATION
from storyjob.api.scene import JOB_ID_LIMIT
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.unknown import UnknownOutcome
from storyjob.planning.actions import Abandon, Rest, Seek, Take
from storyjob.planning.story import plan_story
from storyjob.planning.unknown import Choice, order_for, resolution_mark, unknown_next
from storyjob.providers.registry import provider_type
from support.builders import NOW, a_hash, a_step, a_story, a_view, story_scene

often = settings(deadline=None, max_examples=200)
PARTS = st.sampled_from(
    ["resubmit", "fail", "RESUBMIT", "image=", "audio=", "video=", "=", ",", " ", "\n", "job-1", "x" * 600, "é", "\x00"]
)
TEXTS = st.text(max_size=40) | st.lists(PARTS, max_size=8).map("".join)
LOST = a_step(StepPhase.OUTCOME_UNKNOWN, token_hash=a_hash(), lost_at=NOW, intent_at=NOW)


@often
@given(text=TEXTS, kind=st.sampled_from(StepKind))
@example(text="resubmit", kind=StepKind.IMAGE)
@example(text="video=" + "x" * 600, kind=StepKind.VIDEO)
def test_an_order_is_one_of_three_things_and_obeyed_once(text: str, kind: StepKind) -> None:
    order = order_for(text, kind, LOST)
    action = unknown_next(
        LOST, provider_type("http").capabilities, Choice(UnknownOutcome(), order), NOW, NOW + timedelta(seconds=1)
    )
    if order is None:
        assert isinstance(action, Rest | Seek)
        return
    assert isinstance(action, Take | Abandon)
    if isinstance(action, Take):
        assert 0 < len(action.job_id) <= JOB_ID_LIMIT
    else:
        assert action.again == (order.what.lower() == "resubmit")
    obeyed = LOST.model_copy(update={"resolution": resolution_mark(text)})
    assert order_for(text, kind, obeyed) is None
    assert len(resolution_mark(text)) <= 256


@often
@given(before=TEXTS | st.none(), after=TEXTS | st.none())
def test_a_retry_buys_nothing_that_lives_or_has_succeeded(before: str | None, after: str | None) -> None:
    kept = {"a/image": a_step(StepPhase.OUTCOME_UNKNOWN, token_hash=a_hash(), lost_at=NOW, intent_at=NOW)}
    view = a_view(a_story(story_scene("a")), kept)
    asked = {} if after is None else {RETRY_ANNOTATION: after}
    metadata = view.story.metadata.model_copy(update={"annotations": asked})
    status = view.story.status.model_copy(update={"retry": before})
    story = view.story.model_copy(update={"metadata": metadata, "status": status})
    assert plan_story(replace(view, story=story, may_buy=True)).offers == []
