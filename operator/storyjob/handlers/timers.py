"""Timers that only enqueue: a safety net under the queue's own clock, should a wake-up ever be lost."""

from __future__ import annotations

from typing import Any

import kopf

from storyjob.api.resource import GROUP, VERSION
from storyjob.cluster.cache import Key
from storyjob.reconcile.operator import Operator
from storyjob.reconcile.queue import Kind

STORY_SECONDS = 30.0
PROVIDER_SECONDS = 10.0


def unfinished(status: kopf.Status, spec: kopf.Spec, meta: kopf.Meta, **_: Any) -> bool:
    """Return whether a story still needs looking after. The same in every replica, else they fight."""
    finished = status.get("phase") in ("Completed", "Failed")
    settled = finished and status.get("observedGeneration") == meta.get("generation")
    return not settled


def register_timers(registry: kopf.OperatorRegistry, operator: Operator) -> None:
    """Look at unfinished stories and at all providers from time to time."""

    @kopf.timer(GROUP, VERSION, "storyjobs", interval=STORY_SECONDS, when=unfinished, registry=registry)
    async def story_due(namespace: str | None, name: str, **_: Any) -> None:
        operator.enqueue(Kind.STORY, Key(namespace or "", name))

    @kopf.timer(GROUP, VERSION, "mediaproviders", interval=PROVIDER_SECONDS, registry=registry)
    async def provider_due(namespace: str | None, name: str, **_: Any) -> None:
        operator.enqueue(Kind.PROVIDER, Key(namespace or "", name))
