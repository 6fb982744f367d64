"""Where a request in fal's queue is asked about: the URLs fal gave, or those built from the model's name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from storyjob.api.errors import InvalidInput
from storyjob.egress import origin
from storyjob.providers.answers import JsonObject
from storyjob.providers.base import Job

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?"
_MODEL = re.compile(rf"{_PART}(?:/{_PART}){{1,7}}")
# Their apps have one part more in front: fal-client, `APP_NAMESPACES`.
_NAMESPACES = ("workflows", "comfy")
_HANDLES = ("status_url", "response_url", "cancel_url")
_HANDLE_CHARACTERS = 1024  # what a Scene's status keeps of one


def model_path(model: str) -> str:
    """Return the path to submit to. Raises ``InvalidInput``: the parts of the name become parts of a URL."""
    if not _MODEL.fullmatch(model) or ".." in model:
        raise InvalidInput(f"model {model!r} is not a fal model; write owner/app or owner/app/path")
    return f"/{model}"


def handles_of(document: JsonObject) -> dict[str, str]:
    """Return the URLs of a submit's answer, as far as they can be kept."""
    found = {name: document.get(name) for name in _HANDLES}
    return {name: url for name, url in found.items() if isinstance(url, str) and 0 < len(url) <= _HANDLE_CHARACTERS}


@dataclass(frozen=True, slots=True)
class RequestUrls:
    """Where one request is asked about."""

    status: str
    response: str
    cancel: str

    @classmethod
    def of(cls, job: Job, endpoint: str, trusted: str) -> RequestUrls:
        """Return the URLs fal gave, where they are of this request and their host, which gets the key, is known.

        Else, and for a job that only a callback told of, they are built: of the model only owner and app remain.
        Raises ``InvalidInput``.
        """
        if not JOB_ID.fullmatch(job.job_id):
            raise InvalidInput(f"{job.job_id!r} is not a request id")
        parts = model_path(job.model).strip("/").split("/")
        app = "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])
        base = f"{endpoint}/{app}/requests/{job.job_id}"
        hosts = (endpoint, trusted)
        known = {name: url for name, url in job.handles.items() if _is_of(url, hosts) and job.job_id in url.split("/")}
        return cls(
            known.get("status_url", f"{base}/status"),
            known.get("response_url", base),
            known.get("cancel_url", f"{base}/cancel"),
        )


def _is_of(url: str, hosts: tuple[str, ...]) -> bool:
    try:
        return origin(url) in [origin(host) for host in hosts]
    except InvalidInput:
        return False
