"""The ledger: an old view can neither buy nor overwrite, and what came of a paid call is never dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from storyjob.api.scene import Scene, SceneStatus, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Cache, Key
from storyjob.cluster.errors import Conflict, Forbidden, Invalid, NotFound, TestFailed, Unavailable
from storyjob.cluster.ledger import Apply, Exact, Guard, Ledger, Owned
from storyjob.planning import step as turns
from support.builders import NOW, a_callback, a_hash, a_scene, a_step, an_output, at
from support.scene_cluster import LOST, SceneCluster
from support.virtual_time import run

IMAGE, AUDIO = StepKind.IMAGE, StepKind.AUDIO
OURS, THEIRS = a_hash("our token"), a_hash("their token")
FOREST = Key("stories", "fox-forest")
DOWN = Unavailable("503")


@dataclass
class Desk:
    """A ledger over a cluster in memory, and what it and everybody else does there."""

    cluster: SceneCluster
    scenes: Cache[Scene] = field(default_factory=lambda: Cache[Scene]())

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.cluster, self.scenes)
        self.scenes.put(self.cluster.now())

    async def change(self, guard: Guard, apply: Apply) -> Scene:
        return await self.ledger.change(FOREST, "uid-forest", guard, apply)

    async def intend(self, kind: StepKind, token: str = OURS) -> Scene:
        return await self.change(Exact(kind, token), on(kind, lambda step: intended(step, token)))

    async def remember(self, kind: StepKind, **fields: Any) -> Scene:
        return await self.change(Owned(kind, OURS), on(kind, lambda step: step.model_copy(update=fields)))

    def somebody_writes(self, kind: StepKind, **fields: Any) -> Scene:
        """Change a step on the server without telling the cache."""
        scene = self.cluster.now()
        step = scene.step(kind).model_copy(update=fields)
        return self.cluster.write(with_step(scene, kind, step))


def on(kind: StepKind, turn: Callable[[StepStatus], StepStatus]) -> Apply:
    def apply(scene: Scene) -> SceneStatus:
        return with_step(scene, kind, turn(scene.step(kind))).status

    return apply


def with_step(scene: Scene, kind: StepKind, step: StepStatus) -> Scene:
    steps = scene.status.steps.model_copy(update={kind.value: step})
    return scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})


def intended(step: StepStatus, token: str) -> StepStatus:
    return turns.intend(
        step,
        token_hash=token,
        input_hash=a_hash("input"),
        allowance="first",
        provider="flux",
        model="dev",
        estimated=None,
        now=NOW,
    )


def ours(phase: StepPhase = StepPhase.SUBMITTING, **fields: Any) -> StepStatus:
    return a_step(phase, token_hash=OURS, **fields)


def play(script: Callable[[Desk], Awaitable[Any]], **steps: StepStatus) -> Desk:
    """Run a script over one Scene and return the desk afterwards."""
    desk = Desk(SceneCluster(a_scene(steps={StepKind(kind): step for kind, step in steps.items()})))

    async def main() -> None:
        await script(desk)

    run(main())
    return desk


def test_an_intent_names_the_object_and_the_state_that_it_was_decided_on() -> None:
    desk = play(lambda desk: desk.intend(IMAGE))
    tests = {op["path"]: op["value"] for op in desk.cluster.patches[0] if op["op"] == "test"}
    assert tests == {"/metadata/uid": "uid-forest", "/metadata/resourceVersion": "11"}
    assert desk.cluster.now().step(IMAGE).phase is StepPhase.SUBMITTING


def test_an_intent_on_an_old_view_is_not_written_and_the_view_is_renewed() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(AUDIO, message="news")
        with pytest.raises(TestFailed):
            await desk.intend(IMAGE)

    desk = play(script)
    assert desk.cluster.now().step(IMAGE).phase is StepPhase.WAITING
    assert desk.scenes.get(FOREST) == desk.cluster.now()


def test_an_intent_over_a_living_attempt_is_refused_before_anything_is_sent() -> None:
    async def script(desk: Desk) -> None:
        with pytest.raises(turns.IllegalTransition):
            await desk.intend(IMAGE, token=THEIRS)

    assert play(script, image=ours(StepPhase.RUNNING)).cluster.writes == 0


def test_two_intents_of_a_scene_at_the_same_moment_are_one_write() -> None:
    desk = play(lambda desk: asyncio.gather(desk.intend(IMAGE), desk.intend(AUDIO)))
    assert desk.cluster.writes == 1
    assert [desk.cluster.now().step(kind).phase for kind in (IMAGE, AUDIO)] == [StepPhase.SUBMITTING] * 2


def test_changes_that_come_during_a_write_go_out_together_in_the_next() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.patching.clear()
        first = asyncio.create_task(desk.remember(IMAGE, message="one"))
        await asyncio.sleep(0.001)
        rest = [asyncio.create_task(desk.remember(kind, reason="two")) for kind in (IMAGE, AUDIO)]
        await asyncio.sleep(0.001)
        desk.cluster.patching.set()
        await asyncio.gather(first, *rest)

    desk = play(script, image=ours(), audio=ours())
    assert desk.cluster.writes == 2
    assert (desk.cluster.now().step(IMAGE).message, desk.cluster.now().step(AUDIO).reason) == ("one", "two")


def test_one_change_that_cannot_be_written_does_not_take_others_with_it() -> None:
    async def script(desk: Desk) -> None:
        lost, kept = await asyncio.gather(
            desk.change(Owned(IMAGE, THEIRS), on(IMAGE, lambda step: step)),
            desk.remember(AUDIO, message="kept"),
            return_exceptions=True,
        )
        assert isinstance(kept, Scene)
        assert kept.step(AUDIO).message == "kept"
        assert not isinstance(lost, BaseException), "a change that changes nothing needs no write"
        refused, kept = await asyncio.gather(
            desk.change(Owned(IMAGE, THEIRS), on(IMAGE, lambda step: step.model_copy(update={"message": "x"}))),
            desk.remember(AUDIO, message="kept too"),
            return_exceptions=True,
        )
        assert isinstance(refused, TestFailed)
        assert isinstance(kept, Scene)

    desk = play(script, image=ours(), audio=ours())
    assert (desk.cluster.now().step(IMAGE).message, desk.cluster.now().step(AUDIO).message) == (None, "kept too")


def test_an_error_of_the_change_itself_comes_back_to_its_caller_alone() -> None:
    def broken(scene: Scene) -> SceneStatus:
        raise ZeroDivisionError

    async def script(desk: Desk) -> None:
        change = desk.change(Owned(IMAGE, OURS), broken)
        error, scene = await asyncio.gather(change, desk.remember(AUDIO, message="kept"), return_exceptions=True)
        assert isinstance(error, ZeroDivisionError)
        assert isinstance(scene, Scene)

    assert play(script, image=ours(), audio=ours()).cluster.now().step(AUDIO).message == "kept"


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


def test_a_callback_that_came_since_our_view_is_not_overwritten() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, callback=a_callback(token_hash=OURS))
        await desk.remember(IMAGE, phase=StepPhase.RUNNING, job_id="job-1")

    step = play(script, image=ours()).cluster.now().step(IMAGE)
    assert step.callback == a_callback(token_hash=OURS)
    assert step.job_id == "job-1"


def test_a_new_attempt_drops_the_callback_of_the_one_before() -> None:
    before = ours(StepPhase.FAILED, callback=a_callback(token_hash=OURS))
    desk = play(lambda desk: desk.intend(IMAGE, token=THEIRS), image=before)
    assert desk.cluster.now().step(IMAGE).callback is None


def test_a_scene_that_is_gone_is_said_to_be_gone() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.objects.clear()
        with pytest.raises(NotFound):
            await desk.remember(IMAGE, job_id="job-1")

    assert play(script, image=ours()).cluster.patches == []


def test_a_scene_of_the_same_name_that_took_its_place_is_left_alone() -> None:
    async def script(desk: Desk) -> None:
        other = a_scene(steps={IMAGE: ours()})
        other = other.model_copy(update={"metadata": other.metadata.model_copy(update={"uid": "uid-other"})})
        desk.scenes.put(desk.cluster.write(other))
        with pytest.raises(NotFound):
            await desk.change(Owned(IMAGE, OURS), on(IMAGE, lambda step: step))

    assert play(script, image=ours()).cluster.writes == 0


def test_a_change_that_changes_nothing_is_not_written() -> None:
    desk = play(lambda desk: desk.remember(IMAGE, attempt=1), image=ours())
    assert desk.cluster.writes == 0


def test_its_own_writes_are_seen_at_once() -> None:
    async def script(desk: Desk) -> None:
        await desk.intend(IMAGE)
        await desk.remember(IMAGE, phase=StepPhase.RUNNING, job_id="job-1", submitted_at=at(1))

    desk = play(script)
    assert desk.cluster.reads == 0
    assert desk.scenes.get(FOREST) == desk.cluster.now()
