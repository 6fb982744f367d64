"""Writes a callback into its Scene: one guarded patch, once, and never more of them at a time than is good."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from enum import StrEnum

from storyjob.ambient import now
from storyjob.api.outcome import Callback
from storyjob.api.scene import CallbackRecord
from storyjob.api.step import StepKind
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, NotFound, TestFailed
from storyjob.cluster.resources import SCENES
from storyjob_webhook.metrics import Metrics
from storyjob_webhook.refusal import try_later
from storyjob_webhook.scenes import SceneEntry, SceneIndex, TooManyWaiting

PATCHES = 16  # at once; more would only keep others waiting at the API server, which needs some ms of CPU for each
WAITING = 2000  # callbacks that wait for their turn; some seconds of work
TURN_SECONDS = 5.0  # a vendor gives up on an answer after 10 to 15 s

_log = logging.getLogger(__name__)


class Result(StrEnum):
    """What came of a verified callback."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    SUPERSEDED = "superseded"


class Recorder:
    """Records callbacks. Concurrent ones of the same attempt share one patch."""

    def __init__(self, cluster: Cluster, scenes: SceneIndex, metrics: Metrics) -> None:
        self._cluster = cluster
        self._scenes = scenes
        self._metrics = metrics
        self._turns = asyncio.Semaphore(PATCHES)
        self._under_way: dict[tuple[str, StepKind, str, bool], asyncio.Task[Result]] = {}

    async def record(self, scene: SceneEntry, step: StepKind, callback: Callback) -> Result:
        """Record that a callback came for the scene's current attempt. Raises a 503 ``Refusal``."""
        job_id = callback.job_id
        if not callback.ended:
            scene = await self._once_known(scene, step)
        attempt = scene.attempts[step]
        if attempt.recorded and attempt.recorded_end >= callback.ended and (attempt.recorded_job or job_id is None):
            return Result.DUPLICATE
        if not attempt.open or not (callback.ended or attempt.job_id is None):
            # That a job has begun is news only while its id is not on record.
            return Result.IGNORED
        if None not in (job_id, attempt.job_id) and job_id != attempt.job_id:
            _log.warning("%s %s: a callback names another job than the attempt's; ignored", "/".join(scene.key), step)
            return Result.IGNORED
        key = (scene.uid, step, attempt.token_hash, callback.ended)
        if (task := self._under_way.get(key)) is not None:
            result = await asyncio.shield(task)
            return Result.DUPLICATE if result is Result.RECORDED else result
        if len(self._under_way) >= WAITING:
            raise try_later("Busy", "too many callbacks at once")
        task = asyncio.create_task(self._patch(scene, step, callback))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # The write goes on when the vendor hangs up.
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Wait for the patches under way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _once_known(self, scene: SceneEntry, step: StepKind) -> SceneEntry:
        """Give the operator a moment to record the job's id itself, which makes an early callback needless."""
        token_hash = scene.attempts[step].token_hash

        def told(entry: SceneEntry) -> bool:
            attempt = entry.attempts.get(step)
            return attempt is None or attempt.job_id is not None or attempt.token_hash != token_hash

        try:
            later = await self._scenes.find(scene.uid, told)
        except TooManyWaiting as error:
            raise try_later("Busy", "too many callbacks for unknown jobs") from error
        unchanged = later is not None and (now := later.attempts.get(step)) and now.token_hash == token_hash
        return later if later is not None and unchanged else scene

    def _is_no_news(self, scene: SceneEntry, step: StepKind, callback: Callback) -> bool:
        """Whether the job's id was recorded while a callback about its beginning waited for its turn."""
        latest = (self._scenes.get(scene.uid) or scene).attempts.get(step)
        return not callback.ended and latest is not None and latest.job_id is not None

    async def _patch(self, scene: SceneEntry, step: StepKind, callback: Callback) -> Result:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise try_later("Busy", "too many callbacks at once") from error
        try:
            if self._is_no_news(scene, step, callback):
                return Result.IGNORED
            with self._metrics.patch_seconds.time():
                after = await self._cluster.json_patch(
                    SCENES,
                    scene.key.namespace,
                    scene.key.name,
                    operations(scene.uid, step, scene.attempts[step].token_hash, callback, now()),
                    subresource="status",
                )
        except (TestFailed, NotFound):
            return Result.SUPERSEDED
        except ClusterError as error:
            _log.warning("%s %s: a callback could not be recorded: %s", "/".join(scene.key), step, error)
            raise try_later("NotRecorded", "the callback could not be recorded; send it again") from error
        finally:
            self._turns.release()
        self._scenes.absorb(after)
        return Result.RECORDED


def operations(uid: str, step: StepKind, token_hash: str, callback: Callback, at: datetime) -> list[dict[str, object]]:
    """Return the patch: it holds only for this very Scene and while this very attempt is the step's newest."""
    record = CallbackRecord(token_hash=token_hash, job_id=callback.job_id, at=at, ended=callback.ended)
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": f"/status/steps/{step}/tokenHash", "value": token_hash},
        {"op": "add", "path": f"/status/steps/{step}/callback", "value": record.wire()},
    ]
