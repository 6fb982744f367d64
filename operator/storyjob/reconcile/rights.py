"""Lists all that the operator does with its own service account; the chart's ClusterRole is written from it."""

from __future__ import annotations

from collections.abc import Sequence

from storyjob.cluster.access import Right
from storyjob.cluster.resources import EVENTS, JOBS, LEASES, PODS, PROVIDERS, SCENES, SECRETS, STORYJOBS
from storyjob.reconcile.signing import KEYS_SECRET


def needed(own_namespace: str, namespaces: Sequence[str | None], lease: str, *, film_jobs: bool = False) -> list[Right]:
    """Return all rights, for the given namespaces or, with None among them, for all; ``lease`` is the Lease's name.

    With ``film_jobs`` also those that films made by Jobs take.
    """
    rights = [
        Right("create", SECRETS, own_namespace),
        *(Right(verb, SECRETS, own_namespace, name=KEYS_SECRET) for verb in ("get", "patch")),
        # A name cannot be asked for where the object does not exist yet.
        Right("create", LEASES, own_namespace),
        *(Right(verb, LEASES, own_namespace, name=lease) for verb in ("get", "patch")),
    ]
    if film_jobs:
        rights += [Right(verb, JOBS, own_namespace) for verb in ("create", "get", "list", "watch", "delete")]
        rights.append(Right("list", PODS, own_namespace))  # what a pod said last
    for namespace in namespaces:
        for kind in (STORYJOBS, SCENES, PROVIDERS):
            rights += [Right(verb, kind, namespace) for verb in ("list", "watch", "patch")]
            rights.append(Right("patch", kind, namespace, subresource="status"))
        rights += [Right(verb, SCENES, namespace) for verb in ("get", "create", "delete")]
        rights += [Right(verb, STORYJOBS, namespace) for verb in ("get", "delete")]
        rights.append(Right("get", SECRETS, namespace))
        rights.append(Right("create", EVENTS, namespace))
    return rights
