"""Checks at start that the kinds exist and that a process may do what it must, and says exactly what is missing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storyjob.api.errors import StoryJobError
from storyjob.api.resource import GROUP
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, NotFound, Unavailable
from storyjob.cluster.resources import ACCESS_REVIEWS, Resource

PATIENCE_SECONDS = 120.0  # Helm may still be installing; after this a crash loop says it louder than a log
_PAUSES = (0.5, 1, 2, 5, 10)
_NOTHING = f"{GROUP}/nothing-has-this-label"

_log = logging.getLogger(__name__)


class AccessError(StoryJobError):
    """A kind is not installed, or RBAC does not allow what must be done."""


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that must be allowed; ``namespace`` None means in all of them."""

    verb: str
    resource: Resource
    namespace: str | None
    subresource: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = "/".join(part for part in (self.resource.plural, self.subresource) if part)
        group = f".{self.resource.group}" if self.resource.group else ""
        where = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        return f"{self.verb} {what}{group}{f' {self.name}' if self.name else ''} in {where}"


Tell = Callable[[str | None], None]
"""Takes what is waited for, None once nothing is."""


async def await_access(
    cluster: Cluster, rights: Sequence[Right], who: str, tell: Tell, *, patience: float = PATIENCE_SECONDS
) -> None:
    """Return once everything is there. Raises ``AccessError`` after ``patience`` seconds; an outage is waited out.

    ``who`` is named in the messages, as "sidecar".
    """
    started, tries = time.monotonic(), 0
    while problem := await _problem(cluster, rights, who):
        text, permanent = problem
        tell(text)
        if permanent and time.monotonic() - started >= patience:
            raise AccessError(text)
        pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
        _log.warning("%s; looking again in %.1f s", text, pause)
        await asyncio.sleep(min(pause, patience))
        tries += 1
    tell(None)


async def _problem(cluster: Cluster, rights: Sequence[Right], who: str) -> tuple[str, bool] | None:
    try:
        missing = [right for right in rights if not await _allowed(cluster, right)]
        if missing:
            listed = "; ".join(str(right) for right in missing)
            return f"RBAC does not allow the {who}'s service account to {listed}. Apply the chart's roles", True
        for right in rights:
            if right.verb == "list":
                await cluster.list(right.resource, right.namespace, selector=_NOTHING)
    except NotFound as error:
        return f"a kind is not installed ({error}). Apply the CRDs: kubectl apply --server-side -f crds/", True
    except Unavailable as error:
        return f"the API server does not answer: {error}", False
    except ClusterError as error:
        return f"the API server refuses the {who}: {error}", True
    return None


async def _allowed(cluster: Cluster, right: Right) -> bool:
    attributes = {
        "verb": right.verb,
        "group": right.resource.group,
        "resource": right.resource.plural,
        "subresource": right.subresource,
        "name": right.name,
        "namespace": right.namespace or "",
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer = await cluster.create(ACCESS_REVIEWS, None, review)
    return bool(answer["status"].get("allowed"))
