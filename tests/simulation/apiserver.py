"""A model of the API server: versions, uids, finalizers, the status subresource, and what it answers."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from simulation.jsonpatch import CannotApply, patched
from storyjob.cluster.errors import from_status
from storyjob.cluster.resources import EVENTS, PROVIDERS, SCENES, STORYJOBS, Resource

Json = dict[str, Any]
Heard = Callable[[Resource, str, Json], None]
"""Called with each event of a watch: the kind, ADDED, MODIFIED or DELETED, and the object."""
Wrote = Callable[[Resource, Json | None, Json | None], None]
"""Called after each write with the object before and after it."""


class ApiServer:
    """All objects. States are never changed in place, so whoever has one has it as it was."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._objects: dict[str, dict[tuple[str, str], Json]] = defaultdict(dict)
        self._versions = itertools.count(1001)
        self._uids = itertools.count(1)
        self._version = 1000
        self.writes = 0
        self.hears: list[Heard] = []
        self.wrote: list[Wrote] = []

    @property
    def version(self) -> str:
        """The resourceVersion of a list made now."""
        return str(self._version)

    def all(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """Return all objects of a kind, oldest first."""
        return [item for (ns, _), item in self._objects[resource.plural].items() if namespace in (None, ns)]

    def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Return one object as it is."""
        return self._objects[resource.plural].get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return one object, or raise the 404."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise from_status(f"{resource.plural} {name}", 404, {"message": "not found"})
        return found

    def create(self, resource: Resource, namespace: str, body: Json) -> Json:
        """Store a new object."""
        name = body["metadata"]["name"]
        if resource is EVENTS:
            return body
        if self.find(resource, namespace, name) is not None:
            raise from_status(f"create {resource.plural} {name}", 409, {"message": "it exists"})
        metadata = {
            **body["metadata"],
            "namespace": namespace,
            "uid": f"00000000-0000-4000-8000-{next(self._uids):012d}",
            "generation": 1,
            "creationTimestamp": self._stamp(),
        }
        made = {**body, "metadata": metadata}
        if resource in (STORYJOBS, SCENES, PROVIDERS):
            made["status"] = {"observedGeneration": -1}
        return self._store(resource, None, made)

    def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        subresource: str | None = None,
    ) -> Json:
        """Change one object, or its status only."""
        before = self.get(resource, namespace, name)
        try:
            after = patched(before, operations)
        except CannotApply as error:
            raise from_status(f"patch {resource.plural} {name}", 422, {"message": str(error)}) from error
        return self._change(resource, before, after, subresource)

    def merge_patch(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        """Change one object as RFC 7386 says."""
        before = self.get(resource, namespace, name)
        return self._change(resource, before, _merged(before, body), None)

    def delete(self, resource: Resource, namespace: str, name: str, uid: str | None = None) -> Json:
        """Delete one object; one with finalizers stays until the last is off."""
        before = self.get(resource, namespace, name)
        if uid is not None and before["metadata"]["uid"] != uid:
            raise from_status(f"delete {resource.plural} {name}", 409, {"message": "the uid is another"})
        metadata = before["metadata"]
        if not metadata.get("finalizers"):
            self._remove(resource, before)
            return {"kind": "Status", "status": "Success"}
        if "deletionTimestamp" in metadata:
            return before
        marked = {**metadata, "deletionTimestamp": self._stamp(), "generation": metadata["generation"] + 1}
        return self._store(resource, before, {**before, "metadata": marked})

    def _change(self, resource: Resource, before: Json, after: Json, subresource: str | None) -> Json:
        if subresource == "status":
            after = {**before, "status": after.get("status", {})}
        elif "status" in before:
            after = {**after, "status": before["status"]}
        if after == before:
            return before  # nothing is written, as the API server does it
        if after.get("spec") != before.get("spec"):
            generation = before["metadata"]["generation"] + 1
            after = {**after, "metadata": {**after["metadata"], "generation": generation}}
        metadata = after["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self._remove(resource, before)
            return after
        return self._store(resource, before, after)

    def _store(self, resource: Resource, before: Json | None, after: Json) -> Json:
        after = {**after, "metadata": {**after["metadata"], "resourceVersion": self._next()}}
        metadata = after["metadata"]
        self._objects[resource.plural][metadata["namespace"], metadata["name"]] = after
        self._tell(resource, "ADDED" if before is None else "MODIFIED", before, after)
        return after

    def _remove(self, resource: Resource, before: Json) -> None:
        metadata = before["metadata"]
        del self._objects[resource.plural][metadata["namespace"], metadata["name"]]
        last = {**before, "metadata": {**metadata, "resourceVersion": self._next()}}
        self._tell(resource, "DELETED", before, last)

    def _tell(self, resource: Resource, event: str, before: Json | None, after: Json) -> None:
        self.writes += 1
        for wrote in self.wrote:
            wrote(resource, before, None if event == "DELETED" else after)
        for hears in self.hears:
            hears(resource, event, after)

    def _next(self) -> str:
        self._version = next(self._versions)
        return str(self._version)

    def _stamp(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
