"""Writes the Job of a film: the pod that the settings describe, and what is promised of it whatever they say."""

from __future__ import annotations

import copy
from typing import Any

from storyjob.api.resource import (
    FILMS_LABEL,
    STORY_LABEL,
    STORY_NAMESPACE_LABEL,
    STORY_UID_LABEL,
    ObjectMeta,
)
from storyjob.api.settings import Settings
from storyjob.media.request import HOPELESS
from storyjob.planning.filmjob import label_of

Json = dict[str, Any]

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
MESSAGE_PATH = "/dev/termination-log"
_GRACE_SECONDS = 10  # nothing is lost by an end in the middle
_USER = 65532

_POD: Json = {
    "restartPolicy": "Never",
    # It talks to the bucket and to nobody else.
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "terminationGracePeriodSeconds": _GRACE_SECONDS,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": _USER,
        "runAsGroup": _USER,
        "fsGroup": _USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
_CONTAINER: Json = {
    "terminationMessagePath": MESSAGE_PATH,
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
_FAILURES: Json = {
    "rules": [
        # A drained node or a preemption says nothing about the film.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [HOPELESS]}},
    ]
}


def film_job(settings: Settings, story: ObjectMeta, name: str, film: str, request: str) -> Json:
    """Return the Job that makes the film of a request; both are named by their hashes."""
    template: Json = copy.deepcopy(settings.film_pod or {})
    pod = template["spec"] = template["spec"] | _POD
    arguments = [f"--namespace={story.namespace}", f"--film={film}", f"--request={request}"]
    first, *others = pod["containers"]
    film_container = first | _CONTAINER | {"args": ["film", *arguments, f"--message={MESSAGE_PATH}"]}
    pod["containers"] = [film_container, *others]
    labels = {
        FILMS_LABEL: label_of(settings.lease_name),
        STORY_LABEL: story.name,
        STORY_NAMESPACE_LABEL: story.namespace,
        STORY_UID_LABEL: story.uid,
    }
    meta = template.get("metadata") or {}
    template["metadata"] = meta | {"labels": (meta.get("labels") or {}) | labels}
    queue = {QUEUE_LABEL: settings.film_queue} if settings.film_queue else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": settings.namespace, "labels": labels | queue},
        "spec": {
            # Kueue lets it run when it is its turn.
            "suspend": bool(settings.film_queue),
            "backoffLimit": settings.film_backoff_limit,
            "activeDeadlineSeconds": settings.film_deadline_seconds,
            "ttlSecondsAfterFinished": settings.film_ttl_seconds,
            "podFailurePolicy": _FAILURES,
            "template": template,
        },
    }
