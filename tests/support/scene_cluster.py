"""A cluster in memory that patches Scenes as the API server does: guards, versions, and answers that get lost."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from storyjob.api.scene import Scene
from storyjob.cluster.client import Json
from storyjob.cluster.errors import ClusterError, TestFailed, Unavailable
from storyjob.cluster.resources import SCENES, Resource
from support.fake_cluster import FakeCluster

LOST = Unavailable("the answer was lost")
"""The patch is done, and after ten seconds its caller gives up waiting for the answer."""


class SceneCluster(FakeCluster):
    """``troubles`` meet the next patches in their order: None is a patch that goes well."""

    def __init__(self, *scenes: Scene) -> None:
        super().__init__()
        self.troubles: list[ClusterError | None] = []
        self.patches: list[list[Mapping[str, Any]]] = []
        for scene in scenes:
            self.write(scene)

    def write(self, scene: Scene) -> Scene:
        """Store a Scene as if somebody else had written it."""
        body = scene.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
        return Scene.model_validate(self.put(SCENES, body))

    def now(self, name: str = "fox-forest") -> Scene:
        """Return a Scene as it is."""
        return Scene.model_validate(self.objects[SCENES.plural][("stories", name)])

    async def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        subresource: str | None = None,
    ) -> Json:
        self.writes += 1
        await self.patching.wait()
        await asyncio.sleep(0.01)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None and trouble is not LOST:
            raise trouble
        item = copy.deepcopy(self._find(resource, namespace, name))
        for operation in operations:
            _apply(item, operation)
        self.patches.append(list(operations))
        written = self.put(resource, item)
        if trouble is LOST:
            await asyncio.sleep(10)
            raise LOST
        return copy.deepcopy(written)


def _apply(item: Json, operation: Mapping[str, Any]) -> None:
    """Carry out one operation of RFC 6902. What cannot be done is a 422 like a test that does not hold."""
    *path, last = operation["path"].strip("/").split("/")
    target: Any = item
    for part in path:
        if part not in target:
            raise TestFailed(f"422: {operation['path']} has no parent")
        target = target[part]
    match operation["op"]:
        case "test" if target.get(last) != operation["value"]:
            raise TestFailed(f"422: test of {operation['path']} failed")
        case "add":
            target[last] = operation["value"]
        case "remove":
            if last not in target:
                raise TestFailed(f"422: {operation['path']} is not there")
            del target[last]
