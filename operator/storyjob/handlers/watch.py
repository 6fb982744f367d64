"""What kopf sees becomes cache and queue, and nothing more: kopf swallows errors in event handlers."""

from __future__ import annotations

from typing import Any

import kopf

from storyjob.api.resource import GROUP, VERSION
from storyjob.reconcile.operator import Operator


def register_watches(registry: kopf.OperatorRegistry, operator: Operator) -> None:
    """Let kopf report every StoryJob, Scene and MediaProvider that is seen, changed or gone."""

    @kopf.on.event(GROUP, VERSION, "storyjobs", registry=registry)
    async def story_seen(type: str | None, body: kopf.Body, **_: Any) -> None:
        operator.saw_story(dict(body), gone=type == "DELETED")

    @kopf.on.event(GROUP, VERSION, "scenes", registry=registry)
    async def scene_seen(type: str | None, body: kopf.Body, **_: Any) -> None:
        operator.saw_scene(dict(body), gone=type == "DELETED")

    @kopf.on.event(GROUP, VERSION, "mediaproviders", registry=registry)
    async def provider_seen(type: str | None, body: kopf.Body, **_: Any) -> None:
        operator.saw_provider(dict(body), gone=type == "DELETED")
