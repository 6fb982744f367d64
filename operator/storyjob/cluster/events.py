"""Kubernetes Events: one for each transition that a person may want to know of, never one per poll."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Literal

from storyjob.ambient import now, random_hex
from storyjob.api.resource import API_VERSION, ObjectMeta
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Conflict
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
        self,
        kind: str,
        meta: ObjectMeta,
        reason: str,
        note: str,
        *,
        level: Literal["Normal", "Warning"] = "Normal",
        occasion: str | None = None,
    ) -> None:
        """Write an event about an object.

        With an ``occasion`` the same is said once, whoever asks however often: its name follows from what it says, so
        that after a restart the API server knows that it was said. Without one it is a transition that was written
        just now, and cannot happen twice.
        """
        suffix = random_hex(8) if occasion is None else _digest(meta.uid, reason, note, occasion)
        if occasion is not None and self._last.get((meta.uid, reason)) == suffix:
            return
        self._last[meta.uid, reason] = suffix
        try:
            await self._cluster.create(
                EVENTS,
                meta.namespace,
                self._body(kind, meta, reason, note, level)
                | {
                    "metadata": {"name": f"{meta.name}.{suffix}", "namespace": meta.namespace},
                },
            )
        except Conflict:
            _log.debug("event %s about %s %s was written before", reason, kind, meta.name)
        except ClusterError as error:
            _log.warning("event %s about %s %s could not be written: %s", reason, kind, meta.name, error)

    def forget(self, uid: str) -> None:
        """Drop what is remembered about an object that is gone."""
        self._last = {key: suffix for key, suffix in self._last.items() if key[0] != uid}

    def _body(self, kind: str, meta: ObjectMeta, reason: str, note: str, level: str) -> dict[str, Any]:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
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


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
