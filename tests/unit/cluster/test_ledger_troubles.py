"""The ledger when things go wrong: lost answers, outages, old views. What came of a paid call is never dropped."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.errors import Conflict, Forbidden, Invalid, TestFailed, Unavailable
from storyjob.cluster.ledger import Owned
from storyjob.planning import step as turns
from support.builders import NOW, a_callback, an_output
from support.ledger_desk import OURS, THEIRS, Desk, on, ours, play
from support.scene_cluster import LOST

IMAGE, AUDIO = StepKind.IMAGE, StepKind.AUDIO
DOWN = Unavailable("503")


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together with another intent"])
def test_an_intent_whose_answer_was_lost_is_found_by_reading(together: bool) -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [LOST]
        written = await asyncio.gather(desk.intend(IMAGE), *([desk.intend(AUDIO)] if together else []))
        assert all(scene.step(IMAGE).token_hash == OURS for scene in written)

    desk = play(script)
    assert len(desk.cluster.patches) == 1
    assert desk.cluster.now().step(IMAGE).attempt == 1


def test_an_intent_whose_answer_was_lost_is_known_from_the_watch_too() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [LOST]
        both = asyncio.gather(desk.intend(IMAGE), desk.intend(AUDIO))
        await asyncio.sleep(5)
        desk.scenes.put(desk.cluster.now())
        for scene in await both:
            assert scene.step(IMAGE).token_hash == OURS

    assert len(play(script).cluster.patches) == 1


def test_an_intent_that_was_not_written_raises_and_is_not_tried_again() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [DOWN]
        with pytest.raises(Unavailable):
            await desk.intend(IMAGE)

    desk = play(script)
    assert desk.cluster.now().step(IMAGE).phase is StepPhase.WAITING
    assert desk.cluster.writes == 1


def test_an_intent_that_nobody_waits_for_any_more_is_not_written() -> None:
    async def script(desk: Desk) -> None:
        caller = asyncio.create_task(desk.intend(IMAGE))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await asyncio.sleep(1)

    assert play(script).cluster.writes == 0


def test_what_came_of_a_paid_call_is_written_although_its_caller_is_gone() -> None:
    async def script(desk: Desk) -> None:
        caller = asyncio.create_task(desk.remember(IMAGE, job_id="job-1"))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await asyncio.sleep(1)

    assert play(script, image=ours()).cluster.now().step(IMAGE).job_id == "job-1"


@pytest.mark.parametrize(
    "troubles",
    [
        pytest.param([DOWN] * 20, id="the API server is away for minutes"),
        pytest.param([LOST], id="the answer was lost"),
        pytest.param([Conflict("409")] * 2, id="the API server met too many writes at once"),
        pytest.param([Forbidden("403"), Forbidden("401")], id="rights or a token were missing for a moment"),
        pytest.param([TestFailed("422")], id="the view was old"),
    ],
)
def test_what_came_of_a_paid_call_is_written_whatever_happens(troubles: list[Any]) -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = list(troubles)
        scene = await desk.remember(IMAGE, job_id="job-1")
        assert scene.step(IMAGE).job_id == "job-1"

    assert play(script, image=ours()).cluster.now().step(IMAGE).job_id == "job-1"


def test_what_was_written_without_an_answer_is_not_done_again_when_the_watch_told_of_it() -> None:
    """Else a step that has succeeded would be told to succeed again, which is refused, and the news would be lost."""

    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [LOST]
        apply = on(IMAGE, lambda step: turns.store(step, an_output(), None, NOW))
        write = asyncio.create_task(desk.change(Owned(IMAGE, OURS), apply))
        await asyncio.sleep(5)
        desk.scenes.put(desk.somebody_writes(IMAGE, callback=a_callback(token_hash=OURS)))
        assert (await write).step(IMAGE).phase is StepPhase.SUCCEEDED

    desk = play(script, image=ours(StepPhase.RUNNING))
    assert len(desk.cluster.patches) == 1
    assert desk.cluster.now().step(IMAGE).callback is not None


def test_the_newest_state_is_what_a_late_write_builds_on() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, phase=StepPhase.OUTCOME_UNKNOWN, token_hash=OURS, reason="OutcomeUnknown")
        desk.cluster.troubles = [TestFailed("422")]
        await desk.remember(IMAGE, phase=StepPhase.RUNNING, job_id="job-1", reason=None)

    step = play(script, image=ours()).cluster.now().step(IMAGE)
    assert (step.phase, step.job_id, step.reason) == (StepPhase.RUNNING, "job-1", None)


def test_a_step_that_another_attempt_has_is_left_alone() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, token_hash=THEIRS)
        with pytest.raises(TestFailed):
            await desk.remember(IMAGE, job_id="job-1")

    desk = play(script, image=ours())
    assert desk.cluster.now().step(IMAGE).job_id is None


def test_what_the_schema_refuses_is_not_tried_for_ever() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [Invalid("422: status.steps.image.jobId: too long")]
        with pytest.raises(Invalid):
            await desk.remember(IMAGE, job_id="x" * 600)

    assert play(script, image=ours()).cluster.writes == 1
