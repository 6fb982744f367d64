"""Watches stories as `kubectl get --watch` does, and says when they have ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from support.api_server import ApiServer, path_of

Json = dict[str, Any]
_WATCH_SECONDS = 5.0
_GONE_INTERVAL = 0.5  # seconds


def until_ended(api: ApiServer, namespace: str, names: Iterable[str], *, seconds: float) -> dict[str, Json]:
    """Return the stories once all have ended. Raises ``AssertionError`` when one fails, or after ``seconds``."""
    left, ended = set(names), {}
    for story in _states(api, namespace, seconds):
        name, status = story["metadata"]["name"], story.get("status", {})
        if name in left and status.get("phase") in ("Completed", "Failed"):
            assert status["phase"] == "Completed", f"{name}: {status.get('message')} {status.get('conditions')}"
            left.discard(name)
            ended[name] = story
        if not left:
            return ended
    raise AssertionError(f"after {seconds} s {len(left)} stories had not ended: {sorted(left)[:5]}")


def until_gone(api: ApiServer, namespace: str, *, seconds: float) -> None:
    """Wait until no story and no scene is left."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not _any(api, "storyjobs", namespace) and not _any(api, "scenes", namespace):
            return
        time.sleep(_GONE_INTERVAL)
    raise AssertionError(f"after {seconds} s stories or scenes are still there")


def moment(stamp: str) -> float:
    """Return the Unix time of a stamp in a status or in the simulator's ledger."""
    return datetime.fromisoformat(stamp).timestamp()


def _any(api: ApiServer, kind: str, namespace: str) -> bool:
    # One is enough to know, and a list of a thousand would be work for what is measured.
    return bool(api.http.get(path_of(kind, namespace), params={"limit": "1"}).json()["items"])


def _states(api: ApiServer, namespace: str, seconds: float) -> Iterator[Json]:
    end, path = time.monotonic() + seconds, path_of("storyjobs", namespace)
    found = api.http.get(path).json()
    yield from found["items"]
    version = found["metadata"]["resourceVersion"]
    while (left := end - time.monotonic()) > 0:
        pause = max(1, round(min(left, _WATCH_SECONDS)))
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(pause)}
        with api.http.stream("GET", path, params=query) as answer:
            for line in answer.iter_lines():
                item = json.loads(line)["object"]
                version = item["metadata"]["resourceVersion"]
                yield item
