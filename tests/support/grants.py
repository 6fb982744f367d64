"""What manifests of roles allow, as single rights, to compare them with those that the programs ask for."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

from storyjob.cluster.access import Right

Json = dict[str, Any]
Grant = tuple[str, str, str, str, str]
"""Verb, group, resource with its subresource, name, namespace; empty for any name, and for all namespaces."""


def granted(manifests: Iterable[Json], account: str) -> set[Grant]:
    """Return what the roles that are bound to a service account allow."""
    items = list(manifests)
    roles = {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): item for item in items}
    found: set[Grant] = set()
    for item in items:
        if item["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        if account not in {subject["name"] for subject in item["subjects"]}:
            continue
        namespace = item["metadata"].get("namespace")
        role = roles[item["roleRef"]["kind"], namespace, item["roleRef"]["name"]]
        for rule in role["rules"]:
            names = rule.get("resourceNames", [""])
            for verb, group, resource, name in product(rule["verbs"], rule["apiGroups"], rule["resources"], names):
                found.add((verb, group, resource, name, namespace or ""))
    return found


def asked(rights: Iterable[Right]) -> set[Grant]:
    """Return the rights that a program asks for at its start, in the same form."""
    return {
        (
            right.verb,
            right.resource.group,
            "/".join(part for part in (right.resource.plural, right.subresource) if part),
            right.name,
            right.namespace or "",
        )
        for right in rights
    }
