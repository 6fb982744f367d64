"""What an operator knows besides the cluster, in memory only: all of it may be lost and comes back by itself."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storyjob.ambient import now
from storyjob.api.outcome import Alignment
from storyjob.api.scene import SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.storyjob import Outputs
from storyjob.cluster.cache import Key
from storyjob.media.roughcut import RoughCut
from storyjob.media.shot import Segment
from storyjob.planning.circuit import Circuit
from storyjob.planning.halt import Halt
from storyjob.planning.hashing import InputHashes
from storyjob.planning.live import Memory
from storyjob.planning.plan import Offer
from storyjob.planning.validate import Problem
from storyjob.planning.view import LookUp, StepId


@dataclass(frozen=True, slots=True)
class Wishes:
    """What each scene of a story should be, worked out once for each generation."""

    generation: int
    specs: tuple[SceneSpec, ...]
    hashes: InputHashes = field(default_factory=InputHashes)


@dataclass(slots=True)
class FilmDesk:
    """A film in the making."""

    segments: dict[str, Segment] = field(default_factory=dict)
    """Rendered scenes by the hash of their ingredients."""
    spoken: dict[str, Alignment | None] = field(default_factory=dict)
    """When each word of a narration is spoken, by the narration's SHA-256."""
    rough: RoughCut | None = None
    """The film as far as its first scenes are rendered; with a task while that adds to it."""
    whole: bool = False
    """Whether that went wrong; the film is put together as a whole then."""
    awaited: bool = False
    """Whether all that it is made of is there, and only segments are missing."""
    outputs: Outputs | None = None
    error: str | None = None
    held: str | None = None
    """Why its Job cannot be made, which is no failure of the film's."""
    rests_until: float = 0.0
    """When to try that again, monotonic seconds."""

    def drop(self) -> None:
        """Let go of what was begun."""
        if self.rough is not None:
            self.rough.close()
            self.rough = None


@dataclass(frozen=True, slots=True)
class SourceError:
    """Why a file of the user's own could not be read, and when it was tried."""

    uri: str
    message: str
    at: datetime
    asked: str | None
    """The request to retry that was last answered."""


@dataclass(slots=True)
class Desk:
    """What this process knows besides; all of it may be lost and comes back by itself."""

    awake_since: datetime
    offers: dict[Key, dict[str, list[Offer]]] = field(default_factory=dict)
    """By provider, then by story uid."""
    look_ups: dict[StepId, LookUp] = field(default_factory=dict)
    memories: dict[StepId, tuple[str, Memory]] = field(default_factory=dict)
    """By step: the attempt's token hash, and what is remembered of it."""
    wishes: dict[str, Wishes] = field(default_factory=dict)
    """By story uid."""
    refused: dict[str, dict[str, Problem]] = field(default_factory=dict)
    """By story uid and scene: why its Scene cannot be made or changed."""
    films: dict[str, FilmDesk] = field(default_factory=dict)
    """By story uid."""
    sources: dict[str, SourceError] = field(default_factory=dict)
    """By Scene uid."""
    seeking: defaultdict[Key, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """By provider: held while it is asked for a job that nobody knows of."""
    generated: set[StepId] = field(default_factory=set)
    """Steps whose result is on its way into the bucket."""
    name_conflicts: dict[Key, Key] = field(default_factory=dict)
    """Scenes of somebody else, and the story that waits for the name of each."""
    buying: dict[StepId, tuple[Key, str]] = field(default_factory=dict)
    """Steps that a purchase works on: their provider and input hash."""
    starting: set[StepId] = field(default_factory=set)
    """Those of them whose requests have not gone out yet."""
    signing: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By MediaProvider uid: of which generation the signing key was looked for, and when to look again (monotonic)."""
    published: dict[str, float] = field(default_factory=dict)
    """By story uid: when its status was last written, monotonic seconds."""
    started: dict[Key, list[datetime]] = field(default_factory=dict)
    """By provider: when purchases were begun in the last minute."""
    paused: dict[Key, datetime] = field(default_factory=dict)
    circuits: dict[Key, Circuit] = field(default_factory=dict)
    halts: dict[Key, Halt] = field(default_factory=dict)
    """Providers that refuse the account."""
    held: dict[Key, dict[StepId, float]] = field(default_factory=dict)
    """By provider: steps that it has no room for, and since when, monotonic seconds."""
    counted: dict[Key, float] = field(default_factory=dict)
    """By provider: since when its status is behind what is under way, monotonic seconds."""

    def film(self, story_uid: str) -> FilmDesk:
        """Return what is known of a story's film."""
        return self.films.setdefault(story_uid, FilmDesk())

    def memory(self, step: StepId, token_hash: str | None) -> Memory:
        """Return what is remembered of an attempt."""
        known = self.memories.get(step)
        return known[1] if known is not None and known[0] == token_hash else Memory(self.awake_since)

    def remember(self, step: StepId, token_hash: str | None, memory: Memory) -> None:
        """Remember something of an attempt, in place of any earlier one of the step."""
        self.memories[step] = (token_hash or "", memory)

    def pause(self, provider: Key, seconds: float) -> None:
        """Start nothing new at a provider that asked to slow down."""
        until = now() + timedelta(seconds=seconds)
        self.paused[provider] = max(until, self.paused.get(provider, until))

    def followers(self, step: StepId) -> list[tuple[Key, StepId]]:
        """Return those whose turn comes when the provider of this step is done with it, each with its own provider."""
        return [
            (provider, offer.step)
            for provider, stories in self.offers.items()
            for offers in stories.values()
            for offer in offers
            if step in offer.after
        ]

    def forget_hash(self, input_hash: str | None) -> list[StepId]:
        """Forget that nothing was in the bucket for this input, and what was offered on that; return whose it was."""
        steps = [step for step, known in self.look_ups.items() if known.input_hash == input_hash]
        for step in steps:
            del self.look_ups[step]
        for stories in self.offers.values() if steps else ():
            for uid, offers in stories.items():
                stories[uid] = [offer for offer in offers if offer.step not in steps]
        return steps

    def forget_story(self, uid: str) -> None:
        """Drop what is known of a StoryJob that is gone."""
        self.wishes.pop(uid, None)
        if (film := self.films.pop(uid, None)) is not None:
            film.drop()
        self.refused.pop(uid, None)
        self.published.pop(uid, None)

    def forget_scene(self, uid: str) -> None:
        """Drop what is known of a Scene that is gone."""
        for kind in StepKind:
            self.look_ups.pop(StepId(uid, kind), None)
            self.memories.pop(StepId(uid, kind), None)
