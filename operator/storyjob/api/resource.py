"""What all three kinds have in common: how fields are spelled, and the metadata that the operator reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "storyjob.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

JOBS_FINALIZER = f"{GROUP}/jobs"
"""On a StoryJob and its Scenes: running provider jobs are cancelled before the object goes."""
IN_USE_FINALIZER = f"{GROUP}/in-use"
"""On a MediaProvider: it stays until no unfinished story needs it."""
KOPF_FINALIZER = f"{GROUP}/kopf"
"""kopf puts it on objects with timers and takes it off by itself; nothing else may use this name."""

RETRY_ANNOTATION = f"{GROUP}/retry"
"""Any new text on a StoryJob or Scene gives what failed a new allowance."""

RESOLVE_ANNOTATION = f"{GROUP}/resolve"
"""On a Scene: what to do about its steps of unknown outcome; `resubmit`, `fail`, or the id of the job."""

TRACEPARENT_ANNOTATIONS = (f"{GROUP}/traceparent", "tracing.k8s.io/traceparent")
"""On a StoryJob: the W3C trace context that its trace goes on from. The second key is that of KEP-5915."""

RETRY_LIMIT = 256  # characters

STORY_LABEL = f"{GROUP}/story"
SCENE_LABEL = f"{GROUP}/scene"
STORY_NAMESPACE_LABEL = f"{GROUP}/story-namespace"
STORY_UID_LABEL = f"{GROUP}/story-uid"
FILMS_LABEL = f"{GROUP}/films-of"
"""On film Jobs: the Lease of the operator that made them."""
CREDENTIALS_LABEL = f"{GROUP}/credentials"


class ApiModel(BaseModel):
    """Python names inside, camelCase on the wire; what the API server does not know is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    def wire(self) -> dict[str, Any]:
        """Return the JSON form, without what is unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class OwnerReference(ApiModel):
    """Who owns a child object."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metadata that the operator reads."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int = 1
    creation_timestamp: datetime
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)
    owner_references: list[OwnerReference] = Field(default_factory=list)

    @property
    def terminating(self) -> bool:
        return self.deletion_timestamp is not None

    @property
    def retry_asked(self) -> str | None:
        """The request to retry, cut to what a status holds; users may write anything there."""
        asked = self.annotations.get(RETRY_ANNOTATION)
        return asked[:RETRY_LIMIT] if asked is not None else None

    def controller_uid(self) -> str | None:
        """Return the uid of the object that controls this one."""
        return next((owner.uid for owner in self.owner_references if owner.controller), None)
