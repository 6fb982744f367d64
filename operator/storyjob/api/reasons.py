"""Every reason that users can meet in conditions, steps and events: stable words, a sentence each."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something is as it is."""

    # How far a story or scene is.
    PENDING = "Pending"
    """Accepted, nothing started yet."""
    GENERATING = "Generating"
    """Providers are working on it."""
    FINALIZING = "Finalizing"
    """All media are there, the film is being put together."""
    COMPLETED = "Completed"
    """Everything is in the bucket."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is true: nothing new is bought."""
    DELETING = "Deleting"
    """Running provider jobs are being cancelled before the object goes."""

    # Why a step waits.
    DEPENDENCY = "WaitingForDependency"
    """A scene named in `dependsOn`, or the still that a clip starts from, is not there yet."""
    TURN = "WaitingForTurn"
    """`spec.parallelism` lets no more of this story run at once; narrations go in scene order."""
    BATCH = "WaitingForBatch"
    """The pause between two batches (`spec.batch`) is not over."""
    SAME_INPUT = "SameInput"
    """Another scene is buying exactly this; its result will be shared."""
    BACKOFF = "Backoff"
    """The last try did not work; the next one comes after a pause."""

    # What a provider said.
    THROTTLED = "Throttled"
    """The provider asked to slow down."""
    UNAVAILABLE = "ProviderUnavailable"
    """The provider cannot be reached; nothing was bought."""
    CIRCUIT_OPEN = "CircuitOpen"
    """The provider did not answer several times in a row; after a pause it is tried with one purchase at a time."""
    GENERATION_FAILED = "GenerationFailed"
    """The provider tried and failed."""
    REFUSED = "ContentRefused"
    """The provider's content filter refused the prompt or the result."""
    INVALID_REQUEST = "InvalidRequest"
    """The provider does not take this request as it is."""
    UNAUTHORIZED = "Unauthorized"
    """The provider does not accept the credentials."""
    QUOTA = "QuotaExhausted"
    """The provider's account has no money or quota left."""
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    """A request went out and no answer came back: it may have been bought. It is not bought again unasked."""
    OUTPUT_LOST = "OutputLost"
    """The provider no longer has what was paid for, or the bucket lost it."""
    TIMED_OUT = "TimedOut"
    """The provider took longer than `timeoutSeconds`."""
    BAD_MEDIA = "BadMedia"
    """What the provider delivered is not what its type says, or breaks a limit."""
    STORAGE = "StorageUnavailable"
    """The bucket refuses or cannot be reached; what is paid for is held, nothing new is bought."""

    # What a person must mend.
    INVALID_SPEC = "InvalidSpec"
    """The spec cannot work; the message names the field and the remedy."""
    DEPENDENCY_CYCLE = "DependencyCycle"
    """Scenes depend on each other in a circle."""
    UNKNOWN_SCENE = "UnknownScene"
    """`dependsOn` names a scene that the story does not have."""
    PROVIDER_NOT_FOUND = "ProviderNotFound"
    """No MediaProvider of that name is in the namespace."""
    PROVIDER_MISMATCH = "ProviderMismatch"
    """The MediaProvider's type cannot make this kind of media."""
    CREDENTIALS = "CredentialsUnavailable"
    """The Secret is missing, lacks the key, or lacks the label `storyjob.dev/credentials: "true"`."""
    NAME_CONFLICT = "NameConflict"
    """A Scene of the name that this story needs belongs to somebody else."""
    SOURCE = "SourceUnavailable"
    """The file named in `source` cannot be read from the bucket."""

    # How a story ended.
    SCENE_FAILED = "SceneFailed"
    """A scene failed for good and `onSceneFailure` is Fail."""
    SCENES_MISSING = "ScenesMissing"
    """Scenes failed and were skipped or replaced by a placeholder."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """`activeDeadlineSeconds` is over: nothing more is bought."""
    FILM_FAILED = "FilmFailed"
    """The media are all there but the film could not be made."""

    # Of a provider.
    AVAILABLE = "Available"
    """Credentials can be read and the type is known."""
    IN_USE = "InUse"
    """Unfinished stories need this provider, so it is not deleted yet."""
    NO_CALLBACK_URL = "NoCallbackURL"
    """The operator has no public callback URL, so this provider is polled."""
