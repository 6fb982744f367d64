"""Reads one story and its scenes from a local API server."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from storyjob.api.scene import Scene
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.client import Cluster
from storyjob.cluster.connection import Connection
from storyjob.cluster.resources import SCENES, STORYJOBS, Resource

EVENTS = Resource("", "v1", "events", "Event")


class Spectator:
    """Looks on. Raises ``ClusterError`` when the API server does not answer."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace

    @classmethod
    async def connect(cls, kubeconfig: Path, namespace: str) -> Self:
        """Return a spectator of the cluster that a kubeconfig names."""
        return cls(Cluster(await Connection.load(kubeconfig)), namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._cluster.close()

    async def story(self, name: str) -> StoryJob:
        """Return the story as it is now."""
        return StoryJob.model_validate(await self._cluster.get(STORYJOBS, self.namespace, name))

    async def scenes(self) -> list[Scene]:
        """Return the scenes of all stories."""
        found, _ = await self._cluster.list(SCENES, self.namespace)
        return [Scene.model_validate(each) for each in found]

    async def events(self) -> list[dict[str, Any]]:
        """Return the namespace's events as JSON, oldest first."""
        found, _ = await self._cluster.list(EVENTS, self.namespace)
        return sorted(found, key=lambda event: str(event["metadata"].get("creationTimestamp")))
