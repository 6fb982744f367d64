"""Where each kind lives on the API server."""

from __future__ import annotations

from dataclasses import dataclass

from storyjob.api.resource import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind's place in the API."""

    group: str
    version: str
    plural: str
    kind: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path; without a namespace that of all of them."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [base]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


STORYJOBS = Resource(GROUP, VERSION, "storyjobs", "StoryJob")
SCENES = Resource(GROUP, VERSION, "scenes", "Scene")
PROVIDERS = Resource(GROUP, VERSION, "mediaproviders", "MediaProvider")
SECRETS = Resource("", "v1", "secrets", "Secret")
EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
JOBS = Resource("batch", "v1", "jobs", "Job")
PODS = Resource("", "v1", "pods", "Pod")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
