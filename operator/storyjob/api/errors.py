"""Every error that crosses a border between packages.

StoryJobError
├── InvalidInput          what the user wrote cannot work; the message names the field and the remedy
├── CredentialsError      a Secret is missing, lacks its label or key
├── StorageError          the bucket refused or cannot be reached; nothing was half written
├── MediaError            bytes are not what their type says, too large, too slow, or not allowed to be fetched
│   ├── OutputExpired     the provider's link is dead; what was paid for may be lost
│   └── OutputUnreachable the host that keeps the result does not hand it out now; what was paid for is still there
├── FilmError             ffmpeg could not make the film
│   └── OutputLost        what it is made of is no longer in the bucket; nobody buys it again unasked
├── SignatureError        a webhook's signature is missing, wrong or too old
├── SchemaError           a model has no form as a Kubernetes schema; a mistake of ours, met when CRDs are made
├── TrialFailed           an installation that is tried does not do what it should
├── UninstallRefused      stories still run, or the operator does not stop; nothing was let go
└── LocalWorldError       a part of the local control plane or demo cannot be had, did not start, or died
"""

from __future__ import annotations


class StoryJobError(Exception):
    """The base of all errors of this project."""


class InvalidInput(StoryJobError):
    """What the user wrote cannot work."""


class CredentialsError(StoryJobError):
    """A provider's credentials cannot be read."""


class StorageError(StoryJobError):
    """The bucket refused, or cannot be reached. Trying again may help."""


class MediaError(StoryJobError):
    """Media cannot be taken as it is: wrong type, too large, too slow, or from a forbidden address.

    ``retryable`` says whether fetching the same link again may help.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class OutputExpired(MediaError):
    """The provider's link no longer works."""


class OutputUnreachable(MediaError):
    """The host that keeps the result cannot be reached, breaks off, or has no time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class FilmError(StoryJobError):
    """The film cannot be assembled."""


class OutputLost(FilmError):
    """What was bought and stored is no longer in the bucket."""


class SignatureError(StoryJobError):
    """A webhook cannot be believed."""


class SchemaError(StoryJobError):
    """A model has no form as a Kubernetes schema."""


class TrialFailed(StoryJobError):
    """An installation that is tried does not make a film."""


class UninstallRefused(StoryJobError):
    """The operator may not go yet."""


class LocalWorldError(StoryJobError):
    """A part of the local world cannot be had, did not start, or died."""
