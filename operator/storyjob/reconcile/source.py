"""Finds and measures the files that users bring themselves."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

from storyjob.ambient import now
from storyjob.api.errors import InvalidInput, MediaError, StorageError
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneStatus, StepOutput
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import NotFound, TestFailed
from storyjob.cluster.ledger import Exact
from storyjob.media.layout import check_source
from storyjob.media.probe import probe
from storyjob.planning.scenestatus import rolled_up
from storyjob.planning.validate import source_problem
from storyjob.reconcile.desk import SourceError
from storyjob.reconcile.remember import wake
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)


async def measure_source(world: World, scene: Scene, uri: str, asked: str | None) -> None:
    """Write what a scene's own file is into its status; when it cannot be read, say so and look again later.

    ``asked`` is the request to retry that this look answers.
    """
    try:
        output = await _measured(world, scene.metadata.namespace, uri)
    except (InvalidInput, StorageError, MediaError) as error:
        world.desk.sources[scene.metadata.uid] = SourceError(uri, str(error), now(), asked)
        await world.events.tell(
            "Scene", scene.metadata, Reason.SOURCE, str(error), level="Warning", occasion=asked or ""
        )
        return
    world.desk.sources.pop(scene.metadata.uid, None)

    def apply(fresh: Scene) -> SceneStatus:
        changed = fresh.model_copy(update={"status": fresh.status.model_copy(update={"source": output})})
        return rolled_up(changed, changed.status, now())

    try:
        wake(world, await world.ledger.change(key_of(scene), scene.metadata.uid, Exact(), apply))
    except (TestFailed, NotFound) as error:
        _log.info("the source of %s was not written: %s", scene.metadata.name, error)


def source_errors(world: World, story: StoryJob, scenes: Iterable[Scene]) -> dict[str, str]:
    """Return, by Scene uid, why files of the user's own cannot be read.

    Until this process has looked itself, what the status says holds: a restart must not take a failure back for the
    moment that a look takes.
    """
    found = {}
    for scene in scenes:
        uid, source = scene.metadata.uid, scene.spec.source
        if (known := world.desk.sources.get(uid)) is not None:
            found[uid] = known.message
        elif source is not None and (scene.status.source is None or scene.status.source.uri != source.uri):
            told = _told_before(story, source_problem(scene.spec.name))
            found |= {} if told is None else {uid: told}
    return found


def _told_before(story: StoryJob, beginning: str) -> str | None:
    for condition in story.status.conditions:
        fresh = condition.observed_generation == story.metadata.generation
        if fresh and condition.reason == Reason.SOURCE and condition.message.startswith(beginning):
            return condition.message.removeprefix(beginning)
    return None


async def _measured(world: World, namespace: str, uri: str) -> StepOutput:
    store, settings = world.store, world.settings
    place = check_source(
        uri, bucket=settings.s3_bucket, layout=world.layout(namespace), shared=settings.shared_prefixes
    )
    with tempfile.TemporaryDirectory(dir=world.work_dir, prefix="source-") as folder:
        path = Path(folder) / "source"
        if not await store.download(place.key, path, max_bytes=settings.max_video_bytes, bucket=place.bucket):
            raise InvalidInput(f"{uri} is not in the bucket; upload it or correct the address")
        found = await asyncio.to_thread(probe, path)
        digest = await asyncio.to_thread(_sha256, path)
        size = path.stat().st_size
    return StepOutput(uri=uri, sha256=digest, bytes=size, content_type=found.content_type, seconds=found.seconds)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
