"""The ledger: an old view can neither buy nor overwrite, and changes of a moment are one write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.errors import NotFound, TestFailed
from storyjob.cluster.ledger import Exact, Owned
from storyjob.planning import step as turns
from support.builders import NOW, a_callback, a_scene, at
from support.ledger_desk import FOREST, OURS, THEIRS, Desk, on, ours, play

IMAGE, AUDIO = StepKind.IMAGE, StepKind.AUDIO


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


def test_a_callback_for_another_step_does_not_void_an_intent() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, callback=a_callback())
        await desk.intend(AUDIO)

    scene = play(script, image=ours(StepPhase.RUNNING)).cluster.now()
    assert scene.step(AUDIO).phase is StepPhase.SUBMITTING
    assert scene.step(IMAGE).callback is not None


@pytest.mark.parametrize("guard", [Exact(), Exact(IMAGE, THEIRS)], ids=["giving up", "an intent"])
def test_a_callback_for_the_very_step_wins(guard: Exact) -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, callback=a_callback())
        with pytest.raises(TestFailed):
            await desk.change(guard, on(IMAGE, lambda step: step.model_copy(update={"phase": StepPhase.WAITING})))

    assert play(script, image=ours(StepPhase.OUTCOME_UNKNOWN)).cluster.now().step(IMAGE).phase is not StepPhase.WAITING


@pytest.mark.parametrize("change", [{"generation": 2}, {"finalizers": ["a/b"]}, {"annotations": {"a": "b"}}], ids=str)
def test_an_intent_is_not_written_on_a_scene_that_was_changed(change: dict[str, Any]) -> None:
    async def script(desk: Desk) -> None:
        scene = desk.somebody_writes(IMAGE, callback=a_callback())
        desk.cluster.write(scene.model_copy(update={"metadata": scene.metadata.model_copy(update=change)}))
        with pytest.raises(TestFailed):
            await desk.intend(AUDIO)

    assert play(script, image=ours(StepPhase.RUNNING)).cluster.now().step(AUDIO).phase is StepPhase.WAITING


def test_on_a_server_whose_tests_never_hold_an_intent_is_given_up() -> None:
    async def script(desk: Desk) -> None:
        desk.cluster.troubles = [TestFailed("no test ever holds")] * 9
        with pytest.raises(TestFailed):
            await desk.intend(AUDIO)

    assert play(script).cluster.writes == 2


def test_what_an_old_view_says_of_an_attempt_does_not_undo_what_came_of_it() -> None:
    async def script(desk: Desk) -> None:
        desk.somebody_writes(IMAGE, phase=StepPhase.SUCCEEDED, message="stored by another leader")
        with pytest.raises(turns.IllegalTransition):
            await desk.change(
                Owned(IMAGE, OURS), on(IMAGE, lambda step: turns.lose(step, Reason.OUTCOME_UNKNOWN, "no answer", NOW))
            )

    step = play(script, image=ours()).cluster.now().step(IMAGE)
    assert (step.phase, step.message) == (StepPhase.SUCCEEDED, "stored by another leader")


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
