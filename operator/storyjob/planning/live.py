"""Decides what a living attempt needs next. Pure: what time it is and who works on it are arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from storyjob.api.capabilities import Cancel, Capabilities, Mode
from storyjob.api.mediaprovider import MediaProviderSpec, Polling
from storyjob.api.reasons import Reason
from storyjob.api.scene import StepStatus
from storyjob.api.step import StepPhase
from storyjob.planning.actions import Adopt, Ask, LiveAction, Recover, Rest, Stop
from storyjob.planning.polling import fresh_callback, next_poll
from storyjob.planning.unknown import Choice, unknown_next

_MAY_COME = frozenset({Reason.TIMED_OUT, Reason.OUTPUT_UNREACHABLE})
CANCEL_SECONDS = 60  # how long a job may take to end after it was told to
CANCEL_POLL_SECONDS = 5
CANCEL_TRIES = 5  # requests to stop a job that were not answered
FETCHED = Polling(initial_seconds=5, factor=2, max_seconds=60)  # a result that its host does not hand out


@dataclass(frozen=True, slots=True)
class Memory:
    """What this process remembers of an attempt; all of it may be lost."""

    awake_since: datetime
    """When this process began to care; polls that fell due before are not made up for all at once."""
    asked_at: datetime | None = None
    stopped_at: datetime | None = None
    """When the provider took the request to stop it, or was asked in vain for the last time."""
    stop_tried_at: datetime | None = None
    stop_failures: int = 0
    sought_at: datetime | None = None
    """When the provider was last asked whether it has a job that nobody knows of."""


def must_stop(memory: Memory, now: datetime) -> bool:
    """Return whether a job that shall end is to be told so now: once, or again where the request failed."""
    tried = memory.stop_tried_at
    return memory.stopped_at is None and (tried is None or now >= tried + timedelta(seconds=CANCEL_POLL_SECONDS))


def after_stop(memory: Memory, now: datetime, *, taken: bool) -> Memory:
    """Return what to remember of a request to stop a job: whether it was taken, and if not, how often it failed."""
    failures = memory.stop_failures + (not taken)
    over = taken or failures >= CANCEL_TRIES
    return replace(memory, stop_tried_at=now, stop_failures=failures, stopped_at=now if over else None)


def next_for(
    step: StepStatus,
    provider: MediaProviderSpec,
    capabilities: Capabilities,
    memory: Memory,
    choice: Choice | None = None,
    *,
    orphan_seconds: float,
    now: datetime,
) -> LiveAction:
    """Return what a living attempt that no task holds needs next."""
    if step.phase in (StepPhase.SUBMITTING, StepPhase.OUTCOME_UNKNOWN) and (job_id := _announced(step)):
        return Adopt(job_id)
    match step.phase:
        case StepPhase.SUBMITTING:
            return _orphan(step, capabilities, orphan_seconds, now)
        case StepPhase.OUTCOME_UNKNOWN:
            return _lost(step, provider, capabilities, memory, choice or Choice(), now)
        case StepPhase.STORING if step.job_id is None or Mode.POLL not in capabilities.modes:
            return Recover(Reason.OUTPUT_LOST, "The result was made but could not be stored before the operator ended.")
        case StepPhase.STORING if step.reason == Reason.OUTPUT_UNREACHABLE and step.made_at is not None:
            return _unreachable(step, step.made_at, provider.timeout_seconds, memory, now)
        case StepPhase.RUNNING | StepPhase.STORING:
            return _running(step, provider, capabilities, memory, now)
        case _:
            return Rest()


def _announced(step: StepStatus) -> str | None:
    """Return the job's id where only a callback tells it. A job that is on record was lost knowing its id."""
    callback = step.callback
    if step.job_id is not None or callback is None or callback.token_hash != step.token_hash:
        return None
    return callback.job_id


def _orphan(step: StepStatus, capabilities: Capabilities, orphan_seconds: float, now: datetime) -> LiveAction:
    began = step.intent_at or now
    orphaned = began + timedelta(seconds=capabilities.submit_seconds + orphan_seconds)
    if now < orphaned:
        return Rest(orphaned)
    return Recover(
        Reason.OUTCOME_UNKNOWN,
        "The request may have reached the provider, but no answer was recorded. It is not bought again unasked.",
    )


def _lost(
    step: StepStatus,
    provider: MediaProviderSpec,
    capabilities: Capabilities,
    memory: Memory,
    choice: Choice,
    now: datetime,
) -> LiveAction:
    if choice.order is None and step.job_id is not None and fresh_callback(step, memory.asked_at):
        # A late callback about a job that was given up: the provider may have its result after all.
        return Ask()
    action = unknown_next(step, capabilities, choice, memory.sought_at, now)
    if isinstance(action, Rest) and step.job_id is not None and step.reason in _MAY_COME:
        # It may still end, or be handed out; the provider knows, and asking is free.
        running = _running(step, provider, capabilities, memory, now)
        if isinstance(running, Rest):
            return Rest(min((each.until for each in (action, running) if each.until is not None), default=None))
        return running
    return action


def _running(
    step: StepStatus, provider: MediaProviderSpec, capabilities: Capabilities, memory: Memory, now: datetime
) -> LiveAction:
    since = step.submitted_at or step.intent_at or now
    deadline = since + timedelta(seconds=provider.timeout_seconds)
    if fresh_callback(step, memory.asked_at):
        return Ask()
    if step.phase is StepPhase.RUNNING and now >= deadline:
        return _overdue(capabilities, memory, deadline, now)
    asked = memory.asked_at or memory.awake_since
    due = next_poll(provider.polling, since, step.token_hash or "0000", max(asked, since))
    return Ask() if due <= now else Rest(min(due, deadline) if deadline > now else due)


def _unreachable(
    step: StepStatus, made_at: datetime, timeout_seconds: int, memory: Memory, now: datetime
) -> LiveAction:
    """Ask again: the answer may hold a fresh link. For no longer than a job may take, and once more at the end."""
    deadline = made_at + timedelta(seconds=timeout_seconds)
    if fresh_callback(step, memory.asked_at):
        return Ask()
    asked = memory.asked_at or memory.awake_since
    if now >= deadline:
        if memory.asked_at is None or memory.asked_at < deadline:
            return Ask()
        why = f"It is made, but could not be fetched for timeoutSeconds: {step.message}"
        return Recover(Reason.OUTPUT_UNREACHABLE, why)
    due = next_poll(FETCHED, made_at, step.token_hash or "0000", max(asked, made_at))
    return Ask() if due <= now else Rest(min(due, deadline))


def _overdue(capabilities: Capabilities, memory: Memory, deadline: datetime, now: datetime) -> LiveAction:
    if memory.asked_at is None or memory.asked_at < deadline:
        return Ask()  # it may have ended by itself, and long ago when nobody was awake
    if must_stop(memory, now) and capabilities.cancel is Cancel.BEST_EFFORT:
        return Stop()
    told = memory.stopped_at or memory.stop_tried_at or deadline
    if now >= max(deadline, told) + timedelta(seconds=CANCEL_SECONDS):
        return Recover(Reason.TIMED_OUT, "The job took longer than timeoutSeconds and did not end when told to.")
    asked = memory.asked_at
    due = now if asked is None else asked + timedelta(seconds=CANCEL_POLL_SECONDS)
    return Ask() if due <= now else Rest(due)
