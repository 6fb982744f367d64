"""Bugs planted on purpose: each is caught within a few schedules, so that nothing caught means something."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from simulation.many import run_each
from simulation.schedule import Schedule
from simulation.small import DEAF, LOSSES, RIVALS
from simulation.world import run_schedule, stage
from storyjob.ambient import now
from storyjob.api.outcome import Failure, FailureKind, Rejected, Unknown
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster import ledger
from storyjob.cluster.cache import Key
from storyjob.cluster.errors import Unavailable
from storyjob.media.record import Record
from storyjob.planning import desire, live, storystatus
from storyjob.planning import step as steps
from storyjob.planning.actions import Recover, Rest
from storyjob.planning.retry import after_failure
from storyjob.planning.unknown import Choice
from storyjob.reconcile import keeping, provider, purchase, resolve, watchover
from storyjob.reconcile.attempt import AttemptRef, with_step
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.remember import remember
from storyjob.reconcile.world import World

WITHIN = 120  # schedules

Plant = Callable[[pytest.MonkeyPatch], None]


def skip_the_intent(patch: pytest.MonkeyPatch) -> None:
    """Call the provider without having written that it will be called."""

    async def write_nothing(world: Any, key: Any, uid: str, kind: StepKind, guard: Any, turn: Any) -> Any:
        scene = world.caches.scenes.get(key)
        return with_step(scene, kind, turn(scene.step(kind)))

    patch.setattr(purchase, "write_step", write_nothing)


def ignore_the_resource_version(patch: pytest.MonkeyPatch) -> None:
    """Write an intent whoever wrote since our view."""

    def uid_only(scene: Any, guard: Any) -> list[dict[str, Any]]:
        return [{"op": "test", "path": "/metadata/uid", "value": scene.metadata.uid}]

    patch.setattr(ledger, "_tests", uid_only)


def drop_the_job_id(patch: pytest.MonkeyPatch) -> None:
    """Give up writing what came of a paid call when the API server does not answer."""
    real = ledger.Ledger._after_failure

    async def give_up(self: Any, key: Any, pending: Any, error: Any) -> Any:
        if isinstance(error, Unavailable):
            raise error
        return await real(self, key, pending, error)

    patch.setattr(ledger.Ledger, "_after_failure", give_up)


def retry_what_is_unknown(patch: pytest.MonkeyPatch) -> None:
    """Take no answer for a no."""
    real = purchase._settle

    async def settle(world: Any, attempt: Any, step: Any, provider: Any, outcome: Any) -> None:
        if isinstance(outcome, Unknown):
            outcome = Rejected(Failure(FailureKind.UNAVAILABLE, outcome.message))
        await real(world, attempt, step, provider, outcome)

    patch.setattr(purchase, "_settle", settle)


def succeed_before_the_bytes(patch: pytest.MonkeyPatch) -> None:
    """Say that a result is stored before it is."""

    async def not_yet(store: Any, fetched: Any, slot: Any, made: Any, alignment: Any = None) -> Record:
        return Record(
            key=slot.layout.media(slot.input_hash, slot.token_hash, fetched.extension),
            sha256=fetched.sha256,
            bytes=fetched.bytes,
            content_type=fetched.content_type,
            provider=made.provider,
            model=made.model,
            token_hash=slot.token_hash,
            created_at=made.created_at,
        )

    patch.setattr(keeping, "keep", not_yet)


def take_a_stale_offer(patch: pytest.MonkeyPatch) -> None:
    """Buy on an offer whatever became of its step, even while an attempt is alive."""
    everywhere = frozenset(StepPhase), frozenset({StepPhase.SUBMITTING})
    patch.setattr(purchase, "why_void", lambda offer, step, now: None)
    patch.setattr(steps, "TRANSITIONS", {**steps.TRANSITIONS, steps.Event.INTEND: everywhere})


def forget_a_slow_job(patch: pytest.MonkeyPatch) -> None:
    """Try again what took too long, without hearing that it has ended."""

    async def fail(world: Any, attempt: AttemptRef, step: StepStatus, action: Recover) -> None:
        policy = world.retry_policy(attempt.scene)
        failure = Failure(FailureKind.FAILED, action.message)

        def turn(fresh: StepStatus) -> StepStatus:
            end = after_failure(failure, fresh.failures, policy, now=now())
            unheard = fresh.phase is StepPhase.SUBMITTING
            held = steps.hold(fresh, action.reason, action.message, now()) if unheard else fresh
            return steps.fail(held, action.message, end, now(), None)

        await remember(world, attempt, turn)

    patch.setattr(watchover, "recover", fail)


def take_over_another_job(patch: pytest.MonkeyPatch) -> None:
    """Write down another job than the callback with our token told of."""
    real = watchover.adopt

    async def adopt(world: Any, attempt: AttemptRef, job_id: str) -> None:
        await real(world, attempt, job_id + "x")

    patch.setattr(watchover, "adopt", adopt)


def lose_count_of_slots(patch: pytest.MonkeyPatch) -> None:
    """Admit as if nothing were under way."""
    patch.setattr(provider, "_under_way", lambda world, provider, moment: set())


def show_what_progress_is_now(patch: pytest.MonkeyPatch) -> None:
    """Let progress fall when there is more to do again."""
    real = storystatus.story_status

    def fall(view: Any, plan: Any, facts: Any) -> Any:
        status = view.story.status.model_copy(update={"progress": 0})
        return real(replace(view, story=view.story.model_copy(update={"status": status})), plan, facts)

    patch.setattr("storyjob.reconcile.storyjob.story_status", fall)


def come_back_too_soon(patch: pytest.MonkeyPatch) -> None:
    """Look again at once at what is due later."""

    def at_once(self: World, kind: Kind, key: Key, moment: datetime | None) -> None:
        if moment is not None:
            self.enqueue(kind, key)

    patch.setattr(World, "enqueue_at", at_once)


def never_wake_an_orphan(patch: pytest.MonkeyPatch) -> None:
    """Let a purchase that nobody holds lie for ever."""
    patch.setattr(live, "_orphan", lambda step, capabilities, seconds, now: Rest())


def buy_again_before_the_grace(patch: pytest.MonkeyPatch) -> None:
    """Do what was chosen for an unknown outcome at once."""
    real = live.unknown_next

    def at_once(step: Any, capabilities: Any, choice: Choice, sought_at: Any, now: Any) -> Any:
        hasty = choice.policy.model_copy(update={"grace_seconds": 0})
        return real(step, capabilities, replace(choice, policy=hasty), sought_at, now)

    patch.setattr(live, "unknown_next", at_once)


def count_no_duplicate(patch: pytest.MonkeyPatch) -> None:
    """Buy again without saying that it may be the second time."""
    patch.setattr(steps, "_doubled", lambda step, input_hash: None)


def buy_again_what_was_given_up(patch: pytest.MonkeyPatch) -> None:
    """Take what ended by the policy Fail for what is still to be made."""
    real = desire._standing

    def standing(step: StepStatus, *wish: Any, **further: Any) -> Any:
        given_up = step.phase is StepPhase.FAILED and step.reason == Reason.OUTCOME_UNKNOWN
        return desire.Standing.WANTED if given_up else real(step, *wish, **further)

    patch.setattr(desire, "_standing", standing)
    patch.setattr(purchase, "why_void", lambda offer, step, now: "an attempt is alive" if step.live else None)


def find_at_any_time(patch: pytest.MonkeyPatch) -> None:
    """Look for a lost job by what was asked for, whenever it was made."""
    real = resolve._lost

    async def lost(*attempt: Any) -> Any:
        return replace(await real(*attempt), since=datetime(2026, 1, 1, tzinfo=UTC))

    patch.setattr(resolve, "_lost", lost)


def take_what_another_has(patch: pytest.MonkeyPatch) -> None:
    """Take over a job without asking whether another attempt has it."""
    patch.setattr(resolve, "_taken", lambda world, attempt: ())


def obey_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Do what an annotation says as often as there is an occasion."""
    real = resolve.order_for

    def order(text: str | None, kind: StepKind, step: StepStatus) -> Any:
        return real(text, kind, step.model_copy(update={"resolution": None}))

    patch.setattr(resolve, "order_for", order)


def ask_another_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Let a fallback make what the first choice did not answer for."""
    real = purchase._settle

    async def settle(world: Any, attempt: Any, step: Any, provider: Any, outcome: Any) -> None:
        wish = world.caches.scenes.get(attempt.scene).spec.wish(attempt.kind)
        if isinstance(outcome, Unknown) and wish is not None and wish.fallbacks:
            outcome = Rejected(Failure(FailureKind.UNAVAILABLE, outcome.message))
        await real(world, attempt, step, provider, outcome)

    patch.setattr(purchase, "_settle", settle)


def write_over_what_came_since(patch: pytest.MonkeyPatch) -> None:
    """Write what an old view makes of an attempt over whatever another leader has written of it meanwhile."""
    tests = ledger._tests

    def of_any_phase(scene: Any, guard: Any) -> list[dict[str, Any]]:
        return [test for test in tests(scene, guard) if not test["path"].endswith("/phase")]

    patch.setattr(ledger, "_tests", of_any_phase)


PLANTED: dict[Plant, str] = {
    skip_the_intent: "without an intent on record",
    ignore_the_resource_version: "a new attempt while the last one is|another attempt took its place",
    retry_what_is_unknown: "submitted again while|is bought again",
    succeed_before_the_bytes: "succeeded without bytes",
    take_a_stale_offer: "a new attempt while the last one is|is bought again though",
    forget_a_slow_job: "submitted again while|is bought again",
    take_over_another_job: "is no job of this attempt",
    lose_count_of_slots: "its limit is",
    show_what_progress_is_now: "progress of .* fell",
    come_back_too_soon: "within a second",
    never_wake_an_orphan: "not over",
    buy_again_before_the_grace: "before the grace is over",
    count_no_duplicate: "is counted as bought twice",
    buy_again_what_was_given_up: "is bought again unasked",
    obey_for_ever: "is obeyed again|nobody chose that|before the grace is over|not over",
    ask_another_meanwhile: "submitted again while|is bought again",
}


ON_SMALL: dict[Plant, tuple[Schedule, str]] = {
    find_at_any_time: (LOSSES, "is no job of this attempt|another attempt has it"),
    take_what_another_has: (LOSSES, "another attempt has it"),
    drop_the_job_id: (DEAF, "was told to .* and dropped"),
    write_over_what_came_since: (RIVALS, "has a result"),
}
"""What shows only when much is lost, nothing mends it later, or two lead."""


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    broken = ((outcome.seed, outcome.broken) for outcome in run_each(range(WITHIN)))
    _expect(plant, PLANTED[plant], broken)


@pytest.mark.parametrize("plant", ON_SMALL, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught_in_a_small_schedule(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with stage() as folder:
        schedule, verdict = ON_SMALL[plant]
        runs = (run_schedule(replace(schedule, seed=seed), folder) for seed in range(WITHIN))
        _expect(plant, verdict, ((report.schedule.seed, report.broken) for report in runs))


def _expect(plant: Plant, verdict: str, runs: Iterable[tuple[int, str | None]]) -> None:
    for seed, broken in runs:
        if broken:
            print(plant.__name__, seed, broken)
            assert re.search(verdict, broken), broken
            return
    pytest.fail(f"{plant.__doc__} Nothing was noticed in {WITHIN} schedules.")
