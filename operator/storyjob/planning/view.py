"""What planning sees of a story: plain values gathered before anything is decided."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from storyjob.api.capabilities import Capabilities
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob
from storyjob.planning.hashing import InputHashes


class StepId(NamedTuple):
    """Names one step of one Scene object for as long as that object lives."""

    scene_uid: str
    kind: StepKind


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A MediaProvider that exists, and what its type can do."""

    spec: MediaProviderSpec
    capabilities: Capabilities
    blocked: str | None = None
    """Why nothing can be bought from it now, such as a Secret that is missing."""
    blocked_by: Reason = Reason.CREDENTIALS
    halted_by: Reason | None = None
    """Why nothing is bought from it for a while, although it is offered."""
    halted_until: datetime | None = None
    """When it is tried again."""
    halt: str | None = None
    """What a person must mend before it takes anything, in the provider's words."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """The answer of a look into the bucket: whether bytes made from this input are there."""

    input_hash: str
    found: bool


@dataclass(frozen=True, slots=True)
class StoryView:
    """A story, its children and everything else that decides what comes next."""

    story: StoryJob
    specs: tuple[SceneSpec, ...]
    """What each scene should be, in story order."""
    scenes: Mapping[str, Scene]
    """The Scene objects that exist and belong to this very story, by scene name."""
    providers: Mapping[str, ProviderView]
    now: datetime
    hashes: InputHashes = field(default_factory=InputHashes)
    """What is known of the hashes of ``specs``."""
    leaving: tuple[Scene, ...] = ()
    """Scene objects on their way out; what they cost still counts."""
    busy: frozenset[StepId] = frozenset()
    """Steps that a task works on at this moment."""
    generated: frozenset[StepId] = frozenset()
    """Busy steps that the provider is done with: their bytes are on the way into the bucket."""
    searching: frozenset[StepId] = frozenset()
    """Steps whose bytes are being looked for in the bucket."""
    look_ups: Mapping[StepId, LookUp] = field(default_factory=dict)
    being_bought: Container[str] = frozenset()
    """Input hashes with a living attempt anywhere in the namespace."""
    source_errors: Mapping[str, str] = field(default_factory=dict)
    """By Scene uid: why the file of the user's own cannot be read."""
    may_buy: bool = True
    """False when nothing new may be bought: suspended, past its deadline, or the bucket refuses."""
    halted_by: Reason = Reason.SUSPENDED
    """Which of these, where it may not."""
