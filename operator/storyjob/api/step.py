"""The three media requests a scene can make, and what a step of one is called."""

from __future__ import annotations

from enum import StrEnum


class StepKind(StrEnum):
    """One media request of a scene."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class StepPhase(StrEnum):
    """Where a step stands; the transitions between them are in ``planning/step.py``."""

    WAITING = "Waiting"
    SUBMITTING = "Submitting"
    RUNNING = "Running"
    STORING = "Storing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
