"""Notices that the cluster forgot what was bought, and tells it again.

A Scene's status may be emptied by hand; etcd may be restored from a snapshot, which knows nothing of what was bought
since. An operator that lived on still does, and nothing is bought before its word is on record again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from storyjob.api.scene import Scene, SceneStatus, StepStatus
from storyjob.api.step import StepKind
from storyjob.cluster.cache import Cache, key_of
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError
from storyjob.cluster.objects import write_status
from storyjob.cluster.resources import SCENES

_log = logging.getLogger(__name__)

SETBACK_SECONDS = 2.0  # between tries to tell a cluster that was set back what it forgot


class SetBack(ClusterError):
    """The API server's newest state is older than what it told before."""


def newest(cache: Cache[Any]) -> int:
    """Return the newest resourceVersion in a cache. No consistent list that begins later is older than that."""
    return max((int(item.metadata.resource_version) for item in cache), default=0)


async def tell_until_heard(cluster: Cluster, cache: Cache[Scene], namespace: str | None) -> None:
    """Write what the cluster forgot, however long it does not answer."""
    while True:
        try:
            await tell_again(cluster, cache, namespace)
        except ClusterError as error:
            _log.warning("what the cluster forgot cannot be told yet: %s", error)
            await asyncio.sleep(SETBACK_SECONDS)
        else:
            return


async def tell_again(cluster: Cluster, cache: Cache[Scene], namespace: str | None) -> None:
    """Write each attempt that the cache knows of and the cluster does not. Raises ``ClusterError`` without a list."""
    items, version = await cluster.list(SCENES, namespace)
    there = {scene.metadata.uid: scene for scene in map(Scene.model_validate, items)}
    for known in cache:
        if int(known.metadata.resource_version) <= int(version) or namespace not in (None, known.metadata.namespace):
            continue
        if (scene := there.get(known.metadata.uid)) is None:
            _log.error(
                "%s is forgotten by the cluster, and will be bought again: %s", "/".join(key_of(known)), _told(known)
            )
        else:
            await _tell(cluster, scene, known)


async def tell_one(cluster: Cluster, known: Scene) -> None:
    """Write the attempts of one Scene that its status does not know of any more."""
    try:
        scene = Scene.model_validate(await cluster.get(SCENES, known.metadata.namespace, known.metadata.name))
    except ClusterError as error:
        _log.error("%s: what was forgotten cannot be told again (%s): %s", "/".join(key_of(known)), _told(known), error)
        return
    if scene.metadata.uid == known.metadata.uid and forgets(known, scene):
        await _tell(cluster, scene, known)


def forgets(known: Scene, scene: Scene) -> bool:
    """Whether a state of a Scene has fewer attempts than an earlier one: nothing of ours ever takes one back."""
    return any(scene.step(kind).attempt < known.step(kind).attempt for kind in StepKind)


async def _tell(cluster: Cluster, scene: Scene, known: Scene) -> None:
    try:
        await write_status(cluster, SCENES, scene.metadata, scene.status, _completed(scene, known))
    except ClusterError as error:
        _log.error("%s: what was forgotten cannot be told again (%s): %s", "/".join(key_of(known)), _told(known), error)
    else:
        _log.warning("%s: told the cluster again what it forgot: %s", "/".join(key_of(known)), _told(known))


def _told(scene: Scene) -> str:
    return ", ".join(f"{kind} {step.job_id or step.phase}" for kind, step in _attempts(scene))


def _completed(scene: Scene, known: Scene) -> SceneStatus:
    """Return a status with the attempts that were forgotten. One that was made since stays: it may be paid for, too."""
    forgotten = {kind.value: step for kind, step in _attempts(known) if _is_behind(scene.step(kind), step)}
    return scene.status.model_copy(update={"steps": scene.status.steps.model_copy(update=forgotten)})


def _is_behind(step: StepStatus, known: StepStatus) -> bool:
    return step.attempt < known.attempt or step.token_hash == known.token_hash


def _attempts(scene: Scene) -> list[tuple[StepKind, StepStatus]]:
    return [(kind, scene.step(kind)) for kind in StepKind if scene.step(kind).token_hash is not None]
