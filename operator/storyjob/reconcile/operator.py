"""The operator as a whole: takes in what is seen, works the queue, and stops without losing a purchase."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from storyjob.ambient import monotonic
from storyjob.api.errors import StorageError
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.resource import RETRY_ANNOTATION, ApiModel
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Cache, Key, key_of
from storyjob.cluster.errors import ClusterError, NotFound, TestFailed
from storyjob.cluster.resources import PROVIDERS, SCENES, STORYJOBS, Resource
from storyjob.planning.admission import MINUTE
from storyjob.reconcile import metrics
from storyjob.reconcile.halts import lift
from storyjob.reconcile.provider import reconcile_provider
from storyjob.reconcile.queue import Item, Kind, Queue, Stale
from storyjob.reconcile.scene import reconcile_scene
from storyjob.reconcile.setback import SETBACK_SECONDS, SetBack, forgets, newest, tell_one, tell_until_heard
from storyjob.reconcile.storyjob import reconcile_story, withdraw
from storyjob.reconcile.tasks import Pool
from storyjob.reconcile.world import World, provider_key
from storyjob.subject import about

_log = logging.getLogger(__name__)

BUCKET_SECONDS = 5.0  # between questions to a bucket that refuses
T = TypeVar("T", bound=ApiModel)


class Saw(Protocol):
    """Takes in an object of one kind."""

    def __call__(self, body: dict[str, Any], *, gone: bool) -> None: ...


class Operator:
    """Everything between "an object was seen" and "its reconcile was called"."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.queue = Queue(self._reconcile)

    @property
    def world(self) -> World:
        return self._world

    def enqueue(self, kind: Kind, key: Key) -> None:
        """Look at an object soon."""
        self._world.enqueue(kind, key)

    def saw_story(self, body: dict[str, Any], *, gone: bool) -> None:
        """Take in a StoryJob that was seen or is gone."""
        if (not gone and _known(self._world.caches.stories, body)) or (story := _parse(StoryJob, body)) is None:
            return
        key, caches = key_of(story), self._world.caches
        if gone:
            caches.stories.drop(key, story.metadata.uid)
            withdraw(self._world, story)
            self._world.desk.forget_story(story.metadata.uid)
            self._world.events.forget(story.metadata.uid)
            return
        before = caches.stories.get(key)
        if caches.stories.put(story):
            self._heed_retry(before, story)
            self.enqueue(Kind.STORY, key)
            if story.metadata.terminating:
                for scene in self._world.scenes_of(story):
                    self.enqueue(Kind.SCENE, key_of(scene))

    def _heed_retry(self, before: StoryJob | None, story: StoryJob) -> None:
        """Try again what refuses the account in the namespace of a story that a person asked to be tried again."""
        asked = story.metadata.annotations.get(RETRY_ANNOTATION)
        if before is None or asked == before.metadata.annotations.get(RETRY_ANNOTATION):
            return
        for key in [key for key in self._world.desk.halts if key.namespace == story.metadata.namespace]:
            lift(self._world, key)

    def saw_scene(self, body: dict[str, Any], *, gone: bool) -> None:
        """Take in a Scene that was seen or is gone."""
        if (not gone and _known(self._world.caches.scenes, body)) or (scene := _parse(Scene, body)) is None:
            return
        key, story = key_of(scene), Key(scene.metadata.namespace, scene.spec.story_ref.name)
        if gone:
            self._world.caches.scenes.drop(key, scene.metadata.uid)
            self._world.desk.forget_scene(scene.metadata.uid)
            self._world.events.forget(scene.metadata.uid)
            self.enqueue(Kind.STORY, story)
            if (waiting := self._world.desk.name_conflicts.pop(key, None)) is not None:
                self.enqueue(Kind.STORY, waiting)
        elif self._world.caches.scenes.put(scene):
            self.enqueue(Kind.SCENE, key)
            self.enqueue(Kind.STORY, story)
        elif (known := self._world.caches.scenes.get(key)) is not None and forgets(known, scene):
            # The watch brings the Scene once more when it is as it was.
            work = partial(tell_one, self._world.cluster, known)
            self._world.tasks.start(("tell-again", known.metadata.uid), Pool.LOOK_UP, work, lambda: None)

    def saw_provider(self, body: dict[str, Any], *, gone: bool) -> None:
        """Take in a MediaProvider that was seen or is gone: every unfinished story nearby may care."""
        if (provider := _parse(MediaProvider, body)) is None:
            return
        key, caches = key_of(provider), self._world.caches
        if gone:
            changed = caches.providers.drop(key, provider.metadata.uid) is not None
        else:
            before = caches.providers.get(key)
            changed = caches.providers.put(provider) and (before is None or before.spec != provider.spec)
        self.enqueue(Kind.PROVIDER, key)
        if changed:
            self._world.desk.circuits.pop(key, None)  # what a person changed is worth another try
            lift(self._world, key)
        for story in caches.stories if changed else ():
            if story.metadata.namespace == key.namespace and story.status.phase != "Completed":
                self.enqueue(Kind.STORY, key_of(story))

    async def resync(self) -> None:
        """Compare the caches with consistent lists, so that nothing missed by a watch stays missed."""
        await self._resync(STORYJOBS, self._world.caches.stories, self.saw_story)
        await self._resync(PROVIDERS, self._world.caches.providers, self.saw_provider)
        await self._resync(SCENES, self._world.caches.scenes, self.saw_scene)

    async def _resync(self, resource: Resource, cache: Cache[Any], saw: Saw) -> None:
        for namespace in self._world.settings.watch_namespaces or (None,):
            listed, version, known = set[Key](), "0", newest(cache)
            # Page by page: of a large cluster never more than one is held.
            async for page, at in self._world.cluster.pages(resource, namespace):
                if int(at) < known:
                    raise SetBack(f"the cluster was at resourceVersion {known} and is at {at}: it was set back")
                version = at
                for item in page:
                    saw(item, gone=False)
                    listed.add(Key(item["metadata"]["namespace"], item["metadata"]["name"]))
            for lost in cache.missing_from(listed, int(version)):
                if namespace in (None, lost.metadata.namespace):
                    _log.info("%s %s went while nobody watched", resource.kind, lost.metadata.name)
                    saw(_body(lost), gone=True)

    async def keep_in_step(self, hurry: asyncio.Event | None = None) -> None:
        """Resync again and again until cancelled, and at once in a hurry.

        Raises ``NotFound`` when a kind is gone, for which a restart waits, and ``SetBack``, since all caches are wrong.
        """
        hurry = hurry or asyncio.Event()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._world.settings.resync_seconds):
                    await hurry.wait()
            try:
                await self.resync()
                hurry.clear()
            except NotFound as error:
                _log.error("a kind was removed from the cluster; are the CRDs being replaced? %s", error)
                raise
            except SetBack as error:
                _log.error("%s; was etcd restored from a snapshot? This process begins anew", error)
                self._world.gate.open = False
                for namespace in self._world.settings.watch_namespaces or (None,):
                    await tell_until_heard(self._world.cluster, self._world.caches.scenes, namespace)
                raise
            except ClusterError as error:
                _log.warning("resync failed, the watches go on: %s", error)
                if hurry.is_set():
                    await asyncio.sleep(SETBACK_SECONDS)

    async def follow_films(self) -> None:
        """Follow the films that are made elsewhere until cancelled."""
        await self._world.films.follow(self._world)

    async def watch_bucket(self) -> None:
        """While the bucket refuses, ask it again and again; once it takes a write, go on buying."""
        world = self._world
        while True:
            if world.gate.storage is not None:
                await self.bucket_works()
            await asyncio.sleep(BUCKET_SECONDS)

    async def bucket_works(self) -> bool:
        """Ask the bucket to take a write; buying stops while it does not."""
        try:
            await self._world.store.probe()
        except StorageError as error:
            if self._world.gate.storage != str(error):
                _log.error("nothing is bought: %s", error)
            self._world.gate.storage = str(error)
            return False
        self._world.bucket_took_a_write()
        return True

    def take_over(self, moment: datetime) -> None:
        """Begin to act: what came before is known from the cluster alone, and every object is looked at."""
        world = self._world
        world.desk.awake_since = moment
        world.desk.started = _started(world, moment)
        for provider in world.caches.providers:
            self.enqueue(Kind.PROVIDER, key_of(provider))
        for story in world.caches.stories:
            self.enqueue(Kind.STORY, key_of(story))
        for scene in world.caches.scenes:
            self.enqueue(Kind.SCENE, key_of(scene))

    async def work(self) -> None:
        """Work the queue until cancelled."""
        await self._world.queue.run()

    async def shut_down(self) -> None:
        """Buy nothing more; let what is being bought be remembered."""
        self._world.gate.open = False
        await self._world.tasks.finish(self._world.settings.shutdown_grace_seconds)

    def _uid(self, item: Item) -> str | None:
        caches = self._world.caches
        by_kind: dict[Kind, Cache[Any]] = {
            Kind.STORY: caches.stories,
            Kind.SCENE: caches.scenes,
            Kind.PROVIDER: caches.providers,
        }
        known = by_kind[item.kind].get(item.key)
        return known.metadata.uid if known is not None else None

    async def _reconcile(self, item: Item) -> None:
        began, result = monotonic(), "error"
        try:
            with about(kind=KINDS[item.kind], namespace=item.key.namespace, name=item.key.name, uid=self._uid(item)):
                await _RECONCILERS[item.kind](self._world, item.key)
            result = "ok"
        except (TestFailed, NotFound) as error:
            # Our view was old; the watch brings the new one, and the level is looked at again.
            result = "stale"
            raise Stale(str(error)) from error
        finally:
            metrics.RECONCILES.labels(item.kind, result).inc()
            metrics.RECONCILE_SECONDS.labels(item.kind).observe(monotonic() - began)


KINDS = {Kind.STORY: "StoryJob", Kind.SCENE: "Scene", Kind.PROVIDER: "MediaProvider"}


def _started(world: World, moment: datetime) -> dict[Key, list[datetime]]:
    """Return what the Scenes say of the purchases of the last minute, so that a restart is no way around a rate."""
    found: dict[Key, list[datetime]] = {}
    for scene in world.caches.scenes:
        for kind in StepKind:
            step = scene.step(kind)
            key = provider_key(scene, step)
            if key is not None and step.intent_at is not None and step.intent_at > moment - MINUTE:
                found.setdefault(key, []).append(step.intent_at)
    return {key: sorted(moments) for key, moments in found.items()}


_RECONCILERS = {
    Kind.STORY: reconcile_story,
    Kind.SCENE: reconcile_scene,
    Kind.PROVIDER: reconcile_provider,
}


def _known(cache: Cache[Any], body: dict[str, Any]) -> bool:
    """Whether this or a newer state is in the cache, as it mostly is: our own writes come back as events."""
    meta = body["metadata"]
    known = cache.get(Key(meta["namespace"], meta["name"]))
    return known is not None and int(known.metadata.resource_version) >= int(meta["resourceVersion"])


def _parse(model: type[T], body: dict[str, Any]) -> T | None:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        name = body.get("metadata", {}).get("name")
        _log.error(
            "%s %s is not as its CRD says; are the CRDs of this version installed? %s", model.__name__, name, error
        )
        return None


def _body(item: Any) -> dict[str, Any]:
    body: dict[str, Any] = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return body
