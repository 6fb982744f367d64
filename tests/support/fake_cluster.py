"""A stand-in for the port to the API server: objects in memory, writes counted, faults on demand."""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

from storyjob.cluster.client import Cluster, Json, Page
from storyjob.cluster.connection import Connection
from storyjob.cluster.errors import ClusterError, Conflict, NotFound, TestFailed
from storyjob.cluster.resources import ACCESS_REVIEWS, Resource


class FakeCluster(Cluster):
    """Holds objects by plural and (namespace, name). ``fails`` maps a method's name to the error it raises."""

    def __init__(self) -> None:
        super().__init__(cast("Connection", None))
        self.objects: dict[str, dict[tuple[str, str], Json]] = defaultdict(dict)
        self.fails: dict[str, ClusterError] = {}
        self.denied: set[str] = set()
        self.reads = 0
        self.tokens: list[str] = []
        self.patching = asyncio.Event()
        self.patching.set()
        self._version = 10
        self._watches: dict[str, list[asyncio.Queue[tuple[str, Json]]]] = defaultdict(list)

    def acting_as(self, token: str) -> Cluster:
        self.tokens.append(token)
        return self

    def put(self, resource: Resource, item: Json) -> Json:
        """Store an object as if somebody else had written it."""
        self._version += 1
        item = copy.deepcopy(item)
        item["metadata"]["resourceVersion"] = str(self._version)
        key = (item["metadata"]["namespace"], item["metadata"]["name"])
        kind = "MODIFIED" if key in self.objects[resource.plural] else "ADDED"
        self.objects[resource.plural][key] = item
        self.tell(resource, kind, item)
        return item

    def tell(self, resource: Resource, kind: str, item: Json) -> None:
        for queue in self._watches[resource.plural]:
            queue.put_nowait((kind, copy.deepcopy(item)))

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        self._fail("get")
        self.reads += 1
        return copy.deepcopy(self._find(resource, namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> tuple[list[Json], str]:
        self._fail("list")
        found = [item for (ns, _), item in self.objects[resource.plural].items() if namespace in (None, ns)]
        return ([] if selector else copy.deepcopy(found)), str(self._version)

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> AsyncIterator[Page]:
        found, version = await self.list(resource, namespace, selector=selector)
        yield found, version

    async def watch(
        self, resource: Resource, namespace: str | None, resource_version: str, *, selector: str | None = None
    ) -> AsyncIterator[tuple[str, Json]]:
        queue: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self._watches[resource.plural].append(queue)
        while True:
            yield await queue.get()

    async def create(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        if resource is ACCESS_REVIEWS:
            return {"status": {"allowed": body["spec"]["resourceAttributes"]["resource"] not in self.denied}}
        self.writes += 1
        self._fail("create")
        key = (namespace or "", body["metadata"]["name"])
        if key in self.objects[resource.plural]:
            raise Conflict(f"POST {resource.path(namespace)}: 409 it exists")
        made = {"generation": 1, "uid": f"uid-{key[1]}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return self.put(resource, body | {"metadata": body["metadata"] | made})

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        self.writes += 1
        self._fail("merge_patch")
        return self.put(resource, _merged(self._find(resource, namespace, name), body))

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
        self._fail("json_patch")
        item = copy.deepcopy(self._find(resource, namespace, name))
        for operation in operations:
            *path, last = operation["path"].strip("/").split("/")
            target = item
            for part in path:
                target = target.get(part, {})
            if operation["op"] == "test" and target.get(last) != operation["value"]:
                raise TestFailed(f"PATCH {name}: 422 test failed")
            if operation["op"] == "add":
                target[last] = operation["value"]
        return self.put(resource, item)

    def _find(self, resource: Resource, namespace: str, name: str) -> Json:
        try:
            return self.objects[resource.plural][(namespace, name)]
        except KeyError as error:
            raise NotFound(f"GET {resource.path(namespace, name)}: 404 {resource.plural} {name!r} not found") from error

    def _fail(self, method: str) -> None:
        if method in self.fails:
            raise self.fails[method]


def _merged(target: Json, patch: Json) -> Json:
    """Apply a merge patch (RFC 7386)."""
    merged = {key: value for key, value in target.items() if key not in patch or patch[key] is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            merged[key] = _merged(merged.get(key) or {}, value)
        elif value is not None:
            merged[key] = value
    return merged
