"""The operator's own client of the API server, over the simulated network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

from simulation.apiserver import ApiServer
from simulation.network import Network, Route
from simulation.weather import Channel
from storyjob.cluster.client import Cluster, Json, Page
from storyjob.cluster.connection import Connection
from storyjob.cluster.errors import Unavailable, from_status
from storyjob.cluster.resources import Resource

TO_API = Route(
    Channel.API,
    usual=0.004,
    slow=4.0,
    patience=10.0,
    refused=lambda: from_status("a request", 429, {"message": "too many requests"}, 1.0),
    broken=lambda: from_status("a request", 500, {"message": "etcdserver: leader changed"}),
    silent=lambda: Unavailable("a request: TimeoutError"),
)


class SimCluster(Cluster):
    """One process's view of the API server."""

    def __init__(self, network: Network, api: ApiServer) -> None:
        super().__init__(cast("Connection", None))
        self._network = network
        self._api = api

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        return await self._network.ask(TO_API, lambda: self._api.get(resource, namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> tuple[list[Json], str]:
        return await self._network.ask(TO_API, lambda: (self._api.all(resource, namespace), self._api.version))

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> AsyncIterator[Page]:
        yield await self.list(resource, namespace, selector=selector)

    async def create(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        self.writes += 1
        return await self._network.ask(TO_API, lambda: self._api.create(resource, namespace or "", body))

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
        return await self._network.ask(
            TO_API, lambda: self._api.json_patch(resource, namespace, name, operations, subresource)
        )

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        self.writes += 1
        return await self._network.ask(TO_API, lambda: self._api.merge_patch(resource, namespace, name, body))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> Json:
        self.writes += 1
        return await self._network.ask(TO_API, lambda: self._api.delete(resource, namespace, name, uid))
