"""Everything that reconciling works with, made once at start and handed to whoever needs it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from storyjob.ambient import now
from storyjob.api.capabilities import Mode
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.outcome import Alignment
from storyjob.api.scene import Scene, SceneSpec, StepStatus
from storyjob.api.settings import Settings
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import Outputs, Retry, StoryJob
from storyjob.cluster.cache import Cache, Key, key_of
from storyjob.cluster.client import Cluster
from storyjob.cluster.events import Events
from storyjob.cluster.ledger import Ledger
from storyjob.media.download import Downloader
from storyjob.media.layout import Layout
from storyjob.media.shot import Segment
from storyjob.media.store import Store
from storyjob.planning.circuit import Circuit
from storyjob.planning.halt import Halt
from storyjob.planning.hashing import InputHashes
from storyjob.planning.live import Memory
from storyjob.planning.plan import Offer
from storyjob.planning.validate import Problem
from storyjob.planning.view import LookUp, StepId
from storyjob.reconcile.filmrunner import FilmRunner
from storyjob.reconcile.queue import Item, Kind, Queue
from storyjob.reconcile.setback import forgets
from storyjob.reconcile.tasks import Tasks
from storyjob.reconcile.vendors import Vendors
from storyjob.tracing.span import Silent, Tracer


@dataclass(slots=True)
class Gate:
    """Whether new purchases may begin. Closed at shutdown, while the bucket refuses, and to all but the leader."""

    open: bool = True
    storage: str | None = None
    leads: Callable[[], bool] = lambda: True
    """Whether nobody else may act now; asked anew each time, since it ends by itself."""

    @property
    def may_buy(self) -> bool:
        return self.may_submit and self.storage is None

    @property
    def may_submit(self) -> bool:
        """Whether a request that spends money may go out at this very moment."""
        return self.open and self.leads()


@dataclass(slots=True)
class Caches:
    """What was last seen of the three kinds."""

    stories: Cache[StoryJob] = field(default_factory=lambda: Cache[StoryJob]())
    scenes: Cache[Scene] = field(
        default_factory=lambda: Cache[Scene](
            forgets,
            uid=lambda scene: [scene.metadata.uid],
            owner=_owners,
            provider=_providers,
            hash=_hashes_being_bought,
        )
    )
    providers: Cache[MediaProvider] = field(default_factory=lambda: Cache[MediaProvider]())


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
    outputs: Outputs | None = None
    error: str | None = None
    held: str | None = None
    """Why its Job cannot be made, which is no failure of the film's."""
    rests_until: float = 0.0
    """When to try that again, monotonic seconds."""


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

    def waiting_for(self, step: StepId) -> list[Key]:
        """Return the providers of those whose turn comes when the provider of this step is done with it."""
        return [
            provider
            for provider, stories in self.offers.items()
            if any(step in offer.after for offers in stories.values() for offer in offers)
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
        self.films.pop(uid, None)
        self.refused.pop(uid, None)
        self.published.pop(uid, None)

    def forget_scene(self, uid: str) -> None:
        """Drop what is known of a Scene that is gone."""
        for kind in StepKind:
            self.look_ups.pop(StepId(uid, kind), None)
            self.memories.pop(StepId(uid, kind), None)


@dataclass(slots=True)
class World:
    """The parts that reconciling is made of."""

    settings: Settings
    cluster: Cluster
    caches: Caches
    ledger: Ledger
    events: Events
    store: Store
    films: FilmRunner
    downloader: Callable[[StepKind], Downloader]
    vendors: Vendors
    work_dir: Path
    desk: Desk
    gate: Gate = field(default_factory=Gate)
    tasks: Tasks = field(default_factory=Tasks)
    tracer: Tracer = field(default_factory=Silent)
    queue: Queue = field(init=False)

    def layout(self, namespace: str) -> Layout:
        """Return the keys of a namespace."""
        return Layout(self.settings.s3_prefix, namespace)

    def enqueue(self, kind: Kind, key: Key, after: float = 0.0) -> None:
        """Reconcile an object, now or later."""
        self.queue.add(Item(kind, key), after)

    def enqueue_at(self, kind: Kind, key: Key, moment: datetime | None) -> None:
        """Reconcile an object at a time, if there is one."""
        if moment is not None:
            self.enqueue(kind, key, max(0.0, (moment - now()).total_seconds()))

    def stored(self, input_hash: str | None) -> None:
        """Let everybody who waits for this input look into the bucket again: it is there now."""
        for step in self.desk.forget_hash(input_hash):
            for scene in self.caches.scenes.where("uid", step.scene_uid):
                self.enqueue(Kind.STORY, Key(scene.metadata.namespace, scene.spec.story_ref.name))

    def being_bought(self, namespace: str) -> Container[str]:
        """Return the input hashes with a living attempt in the namespace, or one whose intent is being written."""
        return _BeingBought(self, namespace)

    def bucket_took_a_write(self) -> None:
        """Let purchases begin again, if the bucket had refused, and wake the stories that waited for it."""
        if self.gate.storage is None:
            return
        self.gate.storage = None
        for story in self.caches.stories:
            self.enqueue(Kind.STORY, key_of(story))

    def story_of(self, scene: Scene) -> StoryJob | None:
        """Return the living story that controls a scene, None when it has none."""
        story = self.caches.stories.get(Key(scene.metadata.namespace, scene.spec.story_ref.name))
        return story if story is not None and story.metadata.uid == scene.metadata.controller_uid() else None

    def calls_back(self, provider: MediaProvider) -> bool:
        """Return whether a provider is asked to call back when a job of it has ended."""
        able = Mode.WEBHOOK in self.vendors.capabilities(provider).modes
        return self.settings.callback_url is not None and provider.spec.completion == "Webhook" and able

    def retry_policy(self, scene: Key) -> Retry:
        """Return the retry rules of a scene's story; the default ones when the story is gone."""
        known = self.caches.scenes.get(scene)
        story = self.story_of(known) if known is not None else None
        return story.spec.retry if story is not None else Retry()

    def scenes_of(self, story: StoryJob) -> list[Scene]:
        """Return the scenes that a story controls."""
        return self.caches.scenes.where("owner", story.metadata.uid)


@dataclass(frozen=True, slots=True)
class _BeingBought:
    world: World
    namespace: str

    def __contains__(self, input_hash: object) -> bool:
        begun = any(key.namespace == self.namespace and h == input_hash for key, h in self.world.desk.buying.values())
        return begun or bool(self.world.caches.scenes.where("hash", (self.namespace, input_hash)))


def provider_key(scene: Scene, step: StepStatus) -> Key | None:
    """Return the provider that a step's newest attempt went to."""
    return Key(scene.metadata.namespace, step.provider) if step.provider else None


def holds_slot(step: StepStatus, timeout_seconds: int, moment: datetime) -> bool:
    """Return whether a step uses up one of its provider's slots: from intent to stored.

    One whose outcome nobody knows may still be running there, but no longer than any job may.
    """
    if step.phase is StepPhase.OUTCOME_UNKNOWN:
        return step.intent_at is None or moment < step.intent_at + timedelta(seconds=timeout_seconds)
    return step.live


def _owners(scene: Scene) -> Iterable[str]:
    uid = scene.metadata.controller_uid()
    return [uid] if uid else []


def _live(scene: Scene) -> list[StepStatus]:
    return [step for kind in StepKind if (step := scene.step(kind)).live]


def _providers(scene: Scene) -> Iterable[Key]:
    return {key for step in _live(scene) if (key := provider_key(scene, step)) is not None}


def _hashes_being_bought(scene: Scene) -> Iterable[tuple[str, str]]:
    return {(scene.metadata.namespace, step.input_hash) for step in _live(scene) if step.input_hash}
