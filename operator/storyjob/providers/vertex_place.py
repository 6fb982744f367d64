"""Finds where on Vertex AI a publisher's model is called: the project and location parts of its path."""

from __future__ import annotations

import re
from typing import Any

from storyjob.api.errors import InvalidInput
from storyjob.providers.google_token import ServiceAccount

ENDPOINT = "https://us-central1-aiplatform.googleapis.com"

_MODEL = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_PLACE = re.compile(r"[a-z0-9](?:[a-z0-9:.-]{0,98}[a-z0-9])?")
_HOST_LOCATION = re.compile(r"https?://(?:([a-z0-9-]+)-)?aiplatform\.googleapis\.com(?:[:/].*)?")


def model_path(model: str, inputs: dict[str, Any], account: ServiceAccount | None, endpoint: str) -> str:
    """Return the path of a model, to which a verb can be added; takes ``project`` and ``location`` out of ``inputs``.

    The parts become parts of a path, so they are matched and never merely escaped. Raises ``InvalidInput``.
    """
    if not _MODEL.fullmatch(model) or ".." in model:
        raise InvalidInput(
            f"model {model!r} is not the name of a model on Vertex AI, such as veo-3.1-fast-generate-001"
        )
    place = _place(inputs.pop("project", None), inputs.pop("location", None), account, endpoint)
    return f"/v1beta1/{place}publishers/google/models/{model}"


def _place(project: object, location: object, account: ServiceAccount | None, endpoint: str) -> str:
    """Return ``projects/…/locations/…/``, or nothing for an API key, which implies its project."""
    if account is None:
        return ""
    project = project or account.project
    location = location or _location(endpoint)
    if location is None:
        raise InvalidInput(
            "the location is not part of spec.endpoint; set input.location, such as us-central1 or global"
        )
    for name, value in (("project", project), ("location", location)):
        if not isinstance(value, str) or not _PLACE.fullmatch(value) or ".." in value:
            raise InvalidInput(f"{name} {value!r} is not the name of a Google Cloud {name}")
    return f"projects/{project}/locations/{location}/"


def _location(endpoint: str) -> str | None:
    found = _HOST_LOCATION.fullmatch(endpoint.strip())
    return (found[1] or "global") if found else None
