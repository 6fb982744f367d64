"""Kubernetes Events: one for each transition that a person may want to know of, never one per poll."""

from __future__ import annotations

import logging
from typing import Literal

from storyjob.ambient import now, random_hex
from storyjob.api.resource import API_VERSION, ObjectMeta
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError
from storyjob.cluster.resources import EVENTS

_log = logging.getLogger(__name__)

NOTE_LIMIT = 1024  # characters, set by the API
CONTROLLER = "storyjob.dev/operator"


class Events:
    """Writes events; one that cannot be written is only logged, since nothing may hang on it."""

    def __init__(self, cluster: Cluster, instance: str) -> None:
        self._cluster = cluster
        self._instance = instance
        self._last: dict[tuple[str, str], str] = {}

    async def tell(
        self, kind: str, meta: ObjectMeta, reason: str, note: str, *, level: Literal["Normal", "Warning"] = "Normal"
    ) -> None:
        """Write an event about an object; a warning not again while it says the same as the last of its reason."""
        if level == "Warning" and self._last.get((meta.uid, reason)) == note:
            return
        self._last[meta.uid, reason] = note
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{meta.name}.{random_hex(8)}", "namespace": meta.namespace},
            "eventTime": now().isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": reason,
            "note": note[:NOTE_LIMIT],
            "type": level,
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": kind,
                "namespace": meta.namespace,
                "name": meta.name,
                "uid": meta.uid,
            },
        }
        try:
            await self._cluster.create(EVENTS, meta.namespace, body)
        except ClusterError as error:
            _log.warning("event %s about %s %s could not be written: %s", reason, kind, meta.name, error)

    def forget(self, uid: str) -> None:
        """Drop what is remembered about an object that is gone."""
        self._last = {key: note for key, note in self._last.items() if key[0] != uid}
