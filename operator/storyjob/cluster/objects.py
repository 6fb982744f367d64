"""Guarded changes of whole objects: finalizers, specs, and the statuses that only the operator writes."""

from __future__ import annotations

from typing import Any

from storyjob.api.resource import ApiModel, ObjectMeta
from storyjob.cluster.client import Cluster, Json
from storyjob.cluster.patches import Operation, object_patch
from storyjob.cluster.resources import Resource
from storyjob.killpoint import Act, crossing


def unchanged(meta: ObjectMeta) -> list[Operation]:
    """Return the tests that hold only while nobody wrote since our view."""
    return [
        {"op": "test", "path": "/metadata/uid", "value": meta.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": meta.resource_version},
    ]


async def set_finalizer(
    cluster: Cluster, resource: Resource, meta: ObjectMeta, name: str, *, present: bool
) -> Json | None:
    """Add or remove a finalizer; None when there is nothing to do. Raises ``TestFailed`` when our view is old."""
    if (name in meta.finalizers) == present:
        return None
    wanted = [*meta.finalizers, name] if present else [item for item in meta.finalizers if item != name]
    change: Operation = {"op": "add", "path": "/metadata/finalizers", "value": wanted}
    with crossing(Act.FINALIZER):
        return await cluster.json_patch(resource, meta.namespace, meta.name, [*unchanged(meta), change])


async def replace_spec(cluster: Cluster, resource: Resource, meta: ObjectMeta, spec: dict[str, Any]) -> Json:
    """Replace an object's spec. Raises ``TestFailed`` when our view is old."""
    change: Operation = {"op": "replace", "path": "/spec", "value": spec}
    return await cluster.json_patch(resource, meta.namespace, meta.name, [*unchanged(meta), change])


async def write_status(
    cluster: Cluster, resource: Resource, meta: ObjectMeta, before: ApiModel, after: ApiModel
) -> Json | None:
    """Write what differs between two statuses; None when nothing does. Raises ``TestFailed`` when our view is old."""
    operations = object_patch("/status", _wire(before), _wire(after))
    if not operations:
        return None
    return await cluster.json_patch(
        resource, meta.namespace, meta.name, [*unchanged(meta), *operations], subresource="status"
    )


def _wire(status: ApiModel) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
