"""Lets go of everything before the operator goes: nothing may wait for a finalizer that nobody will take off."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from storyjob.api.errors import UninstallRefused
from storyjob.api.resource import FILMS_LABEL, IN_USE_FINALIZER, JOBS_FINALIZER, KOPF_FINALIZER
from storyjob.api.scene import LIVE_PHASES
from storyjob.cluster.client import Cluster, Json
from storyjob.cluster.errors import Conflict, NotFound, TestFailed
from storyjob.cluster.resources import DEPLOYMENTS, JOBS, LEASES, PODS, PROVIDERS, SCENES, SECRETS, STORYJOBS, Resource
from storyjob.planning.filmjob import label_of
from storyjob.reconcile.signing import KEYS_SECRET

OURS = frozenset({JOBS_FINALIZER, IN_USE_FINALIZER, KOPF_FINALIZER})
_PAUSE = 1.0  # seconds between two looks at the pods
_SHOWN = 10
_TRIES = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to go: a Deployment, the pods it made, and what the operator made beside them."""

    namespace: str
    deployment: str
    selector: str
    """The label selector of the operator's pods."""
    lease: str
    served: Sequence[str | None]
    """The namespaces that are served; None stands for all of them."""
    film_jobs: bool = False
    """Whether films were made by Jobs."""


async def refuse_while_running(cluster: Cluster, installation: Installation) -> None:
    """Raise ``UninstallRefused`` while a story is being made, or a vendor's job is under way."""
    running: set[str] = set()
    for namespace in installation.served:
        running |= {_name(story) for story in await _all(cluster, STORYJOBS, namespace) if _unfinished(story)}
        running |= {_story_of(scene) for scene in await _all(cluster, SCENES, namespace) if _live(scene)}
    if running:
        shown = ", ".join(sorted(running)[:_SHOWN]) + (" …" if len(running) > _SHOWN else "")
        raise UninstallRefused(
            f"{len(running)} stories are being made: {shown}. Wait for them, delete them, or uninstall with"
            " uninstall.policy=Drop: their jobs at the vendors are paid for then, and nobody fetches what they make"
        )


async def stop_operator(cluster: Cluster, installation: Installation, *, seconds: float) -> None:
    """Scale the Deployment to none and wait for its pods' end. Raises ``UninstallRefused`` when one stays."""
    scale = [{"op": "replace", "path": "/spec/replicas", "value": 0}]
    try:
        await cluster.json_patch(
            DEPLOYMENTS, installation.namespace, installation.deployment, scale, subresource="scale"
        )
    except NotFound:
        _log.info("Deployment %s is gone already", installation.deployment)
    end = time.monotonic() + seconds
    while pods := (await cluster.list(PODS, installation.namespace, selector=installation.selector))[0]:
        if time.monotonic() > end:
            # It would put its finalizers on again.
            names = ", ".join(pod["metadata"]["name"] for pod in pods)
            raise UninstallRefused(f"still running after {seconds:.0f} s: {names}; delete these pods and try again")
        await asyncio.sleep(_PAUSE)


async def let_go(cluster: Cluster, installation: Installation) -> int:
    """Take our finalizers off all objects, delete what the operator made for itself; return how many objects."""
    count = 0
    for namespace in installation.served:
        # A story before its Scenes: it would be the owner that waits for them.
        for kind in (STORYJOBS, SCENES, PROVIDERS):
            for item in await _all(cluster, kind, namespace):
                count += await _take_off(cluster, kind, item)
    if installation.film_jobs:
        await _delete_film_jobs(cluster, installation)
    await _delete(cluster, SECRETS, installation.namespace, KEYS_SECRET)
    await _delete(cluster, LEASES, installation.namespace, installation.lease)
    return count


async def _all(cluster: Cluster, kind: Resource, namespace: str | None) -> list[Json]:
    try:
        return (await cluster.list(kind, namespace))[0]
    except NotFound:
        return []  # the kind is not installed any more, and with it all its objects went


async def _take_off(cluster: Cluster, kind: Resource, item: Json) -> bool:
    metadata = item["metadata"]
    for _ in range(_TRIES):
        kept = [name for name in metadata.get("finalizers", ()) if name not in OURS]
        if len(kept) == len(metadata.get("finalizers", ())):
            return False
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "replace", "path": "/metadata/finalizers", "value": kept},
        ]
        try:
            await cluster.json_patch(kind, metadata["namespace"], metadata["name"], patch)
            return True
        except NotFound:
            return False
        except (Conflict, TestFailed):
            items = await _all(cluster, kind, metadata["namespace"])
            metadata = next((one["metadata"] for one in items if one["metadata"]["uid"] == metadata["uid"]), {})
    raise UninstallRefused(f"{kind.kind} {_name(item)} changes all the time; stop who writes it and try again")


async def _delete(cluster: Cluster, kind: Resource, namespace: str, name: str) -> None:
    try:
        found = await cluster.get(kind, namespace, name)
        await cluster.delete(kind, namespace, name, uid=found["metadata"]["uid"])
    except (NotFound, Conflict):
        _log.info("%s %s is gone already", kind.kind, name)


async def _delete_film_jobs(cluster: Cluster, installation: Installation) -> None:
    selector = f"{FILMS_LABEL}={label_of(installation.lease)}"
    for job in (await cluster.list(JOBS, installation.namespace, selector=selector))[0]:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        try:
            await cluster.delete(JOBS, installation.namespace, name, uid=uid, propagation="Background")
        except (NotFound, Conflict):
            _log.info("film Job %s is gone already", name)


def _unfinished(story: Json) -> bool:
    status = story.get("status") or {}
    if status.get("observedGeneration") != story["metadata"].get("generation"):
        return True
    return any(each["type"] == "Reconciling" and each["status"] == "True" for each in status.get("conditions", ()))


def _live(scene: Json) -> bool:
    steps = (scene.get("status") or {}).get("steps") or {}
    return any(step.get("phase") in LIVE_PHASES for step in steps.values())


def _name(item: Json) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def _story_of(scene: Json) -> str:
    return f"{scene['metadata']['namespace']}/{scene['spec']['storyRef']['name']}"
