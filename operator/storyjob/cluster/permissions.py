"""Asks the API server at start whether we may do what we will have to, and says plainly what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import Forbidden
from storyjob.cluster.resources import ACCESS_REVIEWS, EVENTS, PROVIDERS, SCENES, SECRETS, STORYJOBS, Resource


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that must be allowed."""

    verb: str
    resource: Resource
    subresource: str = ""


NEEDS = (
    *(Need(verb, kind) for kind in (STORYJOBS, SCENES, PROVIDERS) for verb in ("list", "watch", "patch")),
    *(Need("patch", kind, "status") for kind in (STORYJOBS, SCENES, PROVIDERS)),
    Need("create", SCENES),
    Need("delete", SCENES),
    Need("delete", STORYJOBS),
    Need("get", SECRETS),
    Need("create", EVENTS),
)


async def check(cluster: Cluster, namespaces: Sequence[str]) -> None:
    """Raise ``Forbidden`` that lists everything that is not allowed."""
    missing = [
        f"{need.verb} {need.resource.plural}{'/' + need.subresource if need.subresource else ''}"
        + (f" in {namespace}" if namespace else "")
        for namespace in namespaces or ("",)
        for need in NEEDS
        if not await _allowed(cluster, need, namespace)
    ]
    if missing:
        raise Forbidden(f"the operator's role lacks: {', '.join(missing)}; see its ClusterRole")


async def _allowed(cluster: Cluster, need: Need, namespace: str) -> bool:
    attributes = {
        "verb": need.verb,
        "group": need.resource.group,
        "resource": need.resource.plural,
        "subresource": need.subresource,
        "namespace": namespace,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await cluster.create(ACCESS_REVIEWS, None, body)
    return bool(answer["status"]["allowed"])
