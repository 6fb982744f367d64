"""Lists all that the sidecar does with its own service account; the chart's Role is written from it."""

from __future__ import annotations

from collections.abc import Sequence

from storyjob.cluster.access import Right
from storyjob.cluster.resources import PROVIDERS, SCENES, SECRETS
from storyjob_webhook.keys import SECRET_NAME


def needed(own_namespace: str, namespaces: Sequence[str | None]) -> list[Right]:
    """Return all that the sidecar does with its own service account."""
    rights = [Right("get", SECRETS, own_namespace, name=SECRET_NAME)]
    for namespace in namespaces:
        rights += [Right(verb, kind, namespace) for kind in (SCENES, PROVIDERS) for verb in ("list", "watch")]
        rights.append(Right("patch", SCENES, namespace, subresource="status"))
    return rights
