"""Computes when a job is due to be asked about; nothing of it is stored, so waiting costs no writes."""

from __future__ import annotations

from datetime import datetime, timedelta

from storyjob.api.mediaprovider import Polling
from storyjob.api.scene import StepStatus

SPREAD = 0.2  # each job's pauses are up to this part longer, so that jobs started together do not stay together


def next_poll(polling: Polling, since: datetime, token_hash: str, after: datetime) -> datetime:
    """Return the first poll time later than ``after`` of a job that began at ``since``.

    The times follow from the job alone: a restart neither forgets nor bunches them.
    """
    stretch = 1 + SPREAD * int(token_hash[:4], 16) / 0xFFFF
    pause = float(polling.initial_seconds)
    longest = max(pause, polling.max_seconds) if polling.factor > 1 else pause
    due = since + timedelta(seconds=pause * stretch)
    while due <= after and pause < longest:
        pause = min(pause * polling.factor, longest)
        due += timedelta(seconds=pause * stretch)
    if due <= after:
        step = timedelta(seconds=longest * stretch)
        due += step * ((after - due) // step + 1)
    return due


def fresh_callback(step: StepStatus, asked_at: datetime | None) -> bool:
    """Return whether a callback came since the provider was last asked that says that this attempt's job ended."""
    callback = step.callback
    if callback is None or callback.token_hash != step.token_hash or not callback.ended:
        return False
    return asked_at is None or callback.at >= asked_at
