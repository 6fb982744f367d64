"""Writes Scene statuses, each write guarded so that an old view of the world can neither buy nor overwrite."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storyjob.api.resource import ObjectMeta
from storyjob.api.scene import Scene, SceneStatus, StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Cache, Key
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Conflict, Forbidden, NotFound, TestFailed, Unavailable
from storyjob.cluster.patches import status_patch
from storyjob.cluster.resources import SCENES

_log = logging.getLogger(__name__)

Apply = Callable[[Scene], SceneStatus]
LONGEST_PAUSE = 10.0  # seconds between tries of a write that must not be lost


@dataclass(frozen=True, slots=True)
class Exact:
    """Write only if nobody wrote since our view. ``token_hash`` tells our own write apart after a lost answer.

    With a ``kind`` callbacks for other steps do not count: whoever waits for one step is not held up by another.
    """

    kind: StepKind | None = None
    token_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """Write as long as the step's newest attempt is ours, whatever else changed: never dropped.

    Where the attempt has gone on meanwhile, the change is applied to that.
    """

    kind: StepKind
    token_hash: str


Guard = Exact | Owned


@dataclass(slots=True)
class _Pending:
    uid: str
    apply: Apply
    guard: Guard
    done: asyncio.Future[Scene]
    made: StepStatus | None = None
    """The step as it was last sent; it may be there although no answer came."""
    base: Scene | None = None
    """The Scene that it was last made of."""
    again: bool = False
    """Whether it was made anew since a callback had come; once, so that nothing spins on a server that is broken."""


class Ledger:
    """One writer per Scene: changes that come while a write is under way go out together in the next one."""

    def __init__(self, cluster: Cluster, scenes: Cache[Scene]) -> None:
        self._cluster = cluster
        self._scenes = scenes
        self._pending: dict[Key, list[_Pending]] = defaultdict(list)
        self._writers: dict[Key, asyncio.Task[None]] = {}

    async def change(self, key: Key, uid: str, guard: Guard, apply: Apply) -> Scene:
        """Write what ``apply`` makes of the Scene's status and return the Scene as written.

        Raises ``TestFailed`` or ``Conflict`` when the guard does not hold and ``NotFound`` when the Scene is gone;
        nothing was written then. An ``Owned`` change is tried until the API server takes it or another attempt has
        the step. Whatever ``apply`` raises comes back.
        """
        done: asyncio.Future[Scene] = asyncio.get_running_loop().create_future()
        self._pending[key].append(_Pending(uid, apply, guard, done))
        if key not in self._writers:
            self._writers[key] = asyncio.create_task(self._write_all(key))
        return await done

    async def _write_all(self, key: Key) -> None:
        await asyncio.sleep(0)  # lets changes that belong to the same moment join the first write
        try:
            while batch := self._pending.pop(key, []):
                # An intent that nobody waits for any more would never be followed by its call.
                wanted = [item for item in batch if isinstance(item.guard, Owned) or not item.done.cancelled()]
                await self._write_together(key, wanted)
        finally:
            del self._writers[key]

    async def _write_together(self, key: Key, batch: list[_Pending]) -> None:
        if len(batch) > 1:
            try:
                scene = await self._patch(key, batch)
            except Exception as error:  # noqa: BLE001 (each is tried again alone and then meets its own error)
                _log.debug("%s: %d changes could not be written together: %s", key, len(batch), error)
            else:
                for pending in batch:
                    _answer(pending, scene)
                return
        for pending in batch:
            try:
                _answer(pending, await self._write_one(key, pending))
            except Exception as error:  # noqa: BLE001 (it belongs to the caller who waits for it)
                if not pending.done.cancelled():
                    pending.done.set_exception(error)

    async def _write_one(self, key: Key, pending: _Pending) -> Scene:
        pause = 0.1
        while True:
            known = self._scenes.get(key)
            if known is not None and _landed(known, pending):
                return known
            try:
                return await self._patch(key, [pending])
            except (TestFailed, Conflict, Unavailable, Forbidden) as error:
                scene = await self._after_failure(key, pending, error)
                if scene is not None:
                    return scene
                if isinstance(pending.guard, Exact):
                    continue
                _log.warning("%s: %s; trying again in %.1f s", "/".join(key), error, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _after_failure(self, key: Key, pending: _Pending, error: ClusterError) -> Scene | None:
        """Return the Scene if the write happened all the same, None if it is to be tried again; else raise.

        An intent that was written must be known to the one who may act on it, also when its answer was lost and
        every later try meets a guard that our own write broke.
        """
        guard = pending.guard
        if isinstance(error, Unavailable | Forbidden):
            if isinstance(guard, Owned):
                return None
            if isinstance(error, Forbidden) or guard.token_hash is None:
                raise error
        scene = await self._read_again(key)
        if _landed(scene, pending):
            return scene
        if isinstance(guard, Exact):
            now = self._scenes.get(key) or scene  # what would be patched next; the watch may have brought a newer one
            holds = isinstance(error, TestFailed) and not pending.again and _only_others_called_back(pending, now)
            pending.again = True
        else:
            holds = scene.step(guard.kind).token_hash == guard.token_hash
        if not holds:
            raise error
        return None

    async def _read_again(self, key: Key) -> Scene:
        pause = 0.1
        while True:
            try:
                scene = Scene.model_validate(await self._cluster.get(SCENES, *key))
            except NotFound:
                raise
            except ClusterError as error:
                _log.warning("%s: %s; reading again in %.1f s", key, error, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._scenes.put(scene)
                return scene

    async def _patch(self, key: Key, batch: list[_Pending]) -> Scene:
        scene = self._scenes.get(key)
        if scene is None or scene.metadata.uid != batch[0].uid:
            scene = await self._read_again(key)
        tests: list[dict[str, Any]] = []
        status = scene.status
        for pending in batch:
            pending.base = scene
            if pending.uid != scene.metadata.uid:
                raise NotFound(f"scene {key.namespace}/{key.name} of uid {pending.uid} is gone")
            tests += [test for test in _tests(scene, pending.guard) if test not in tests]
            status = pending.apply(scene.model_copy(update={"status": status}))
            if pending.guard.kind is not None:
                pending.made = status.steps.get(pending.guard.kind)
        operations = status_patch(scene.status, status)
        if not operations:
            return scene
        written = Scene.model_validate(
            await self._cluster.json_patch(SCENES, *key, [*tests, *operations], subresource="status")
        )
        self._scenes.put(written)
        return written


def _landed(scene: Scene, pending: _Pending) -> bool:
    """Whether a write whose answer never came is there."""
    if scene.metadata.uid != pending.uid:
        return False
    match pending.guard:
        case Exact(kind, token_hash):
            return kind is not None and token_hash is not None and scene.step(kind).token_hash == token_hash
        case Owned(kind):
            return pending.made is not None and _ours(scene.step(kind)) == _ours(pending.made)


def _ours(step: StepStatus) -> StepStatus:
    return step.model_copy(update={"callback": None})


def _only_others_called_back(pending: _Pending, after: Scene) -> bool:
    """Whether nothing is new but the sidecar's notes of callbacks for other steps than the one that is written."""
    before, kind = pending.base, pending.guard.kind
    if before is None or kind is None or pending.done.cancelled():
        return False
    if _whatever_version(before) != _whatever_version(after) or before.step(kind) != after.step(kind):
        return False
    return all(_ours(before.step(other)) == _ours(after.step(other)) for other in StepKind)


def _whatever_version(scene: Scene) -> ObjectMeta:
    return scene.metadata.model_copy(update={"resource_version": ""})


def _answer(pending: _Pending, scene: Scene) -> None:
    if not pending.done.cancelled():
        pending.done.set_result(scene)


def _tests(scene: Scene, guard: Guard) -> list[dict[str, Any]]:
    uid = {"op": "test", "path": "/metadata/uid", "value": scene.metadata.uid}
    match guard:
        case Exact():
            version = scene.metadata.resource_version
            return [uid, {"op": "test", "path": "/metadata/resourceVersion", "value": version}]
        case Owned(kind, token_hash):
            path, phase = f"/status/steps/{kind}", scene.step(kind).phase
            return [
                uid,
                {"op": "test", "path": f"{path}/tokenHash", "value": token_hash},
                # What is written is what differs from the state that we saw. On any other it would make a state that
                # nobody decided on, such as a success of unknown outcome; so that one is looked at first.
                {"op": "test", "path": f"{path}/phase", "value": phase.value},
            ]
