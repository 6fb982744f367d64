"""Everything that reconciling works with, made once at start and handed to whoever needs it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from storyjob.ambient import now
from storyjob.api.capabilities import Mode
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.settings import Settings
from storyjob.api.step import StepKind, StepPhase
from storyjob.api.storyjob import Retry, StoryJob
from storyjob.cluster.cache import Cache, Key, key_of
from storyjob.cluster.client import Cluster
from storyjob.cluster.events import Events
from storyjob.cluster.ledger import Ledger
from storyjob.media.download import Downloader
from storyjob.media.layout import Layout
from storyjob.media.store import Store
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.filmrunner import FilmRunner
from storyjob.reconcile.pace import Pace
from storyjob.reconcile.queue import Item, Kind, Queue
from storyjob.reconcile.setback import forgets
from storyjob.reconcile.tasks import Tasks
from storyjob.reconcile.traffic import Traffic
from storyjob.reconcile.vendors import Vendors
from storyjob.tracing.span import Silent, Tracer

KEPT_AT_ONCE, KEPT_SECONDS = 2, 0.1


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
    keeping: Pace = field(default_factory=lambda: Pace(KEPT_AT_ONCE, KEPT_SECONDS))
    """The turns of results that are fetched and stored; a whole story's may come at once."""
    traffic: Traffic = field(default_factory=Traffic)
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
