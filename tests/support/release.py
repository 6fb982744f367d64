"""A release of the chart on the local API server, where no kubelet runs its pods: the tests start the processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storyjob.local.kubeconfig import write_kubeconfig
from support.controlplane import Cluster
from support.helm import Helm

Json = dict[str, Any]

NAME = "film-storyjob"
RIGHTS = frozenset({"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
POLICIES = frozenset({"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"})


@dataclass(frozen=True)
class Release:
    """Parts of a release in one namespace."""

    cluster: Cluster
    namespace: str
    manifests: list[Json]

    @classmethod
    def render(cls, helm: Helm, cluster: Cluster, namespace: str, *arguments: str) -> Release:
        """Return what the chart makes of the values; nothing is applied yet."""
        return cls(cluster, namespace, helm.template(*arguments, namespace=namespace))

    def apply(self, kinds: Iterable[str], change: Callable[[Json], None] = lambda _: None) -> None:
        """Apply the manifests of these kinds, each changed as the test wants it."""
        chosen = [item for item in self.manifests if item["kind"] in frozenset(kinds)]
        for item in chosen:
            change(item)
        self.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=as_list(chosen))

    def delete(self, kinds: Iterable[str]) -> None:
        """Delete what belongs to no namespace and would meet other tests."""
        chosen = [item for item in self.manifests if item["kind"] in frozenset(kinds)]
        self.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=as_list(chosen))

    def kubeconfig(self, account: str, folder: Path) -> Path:
        """Write and return a kubeconfig of one of the chart's accounts."""
        token = self.cluster.kubectl("create", "token", account, "-n", self.namespace).strip()
        path = folder / f"{account}.kubeconfig"
        write_kubeconfig(path, url=self.cluster.url, authority=self.cluster.authority, token=token)
        return path


def as_list(manifests: list[Json]) -> str:
    """Return manifests as one document that kubectl takes."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
