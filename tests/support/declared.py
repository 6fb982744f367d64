"""Adapters of type http, made from the examples that are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import yaml

from storyjob.api.http.service import HttpService
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.providers.base import Connection
from storyjob.providers.http.adapter import HttpProvider

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "providers"


def example(name: str) -> dict[str, Any]:
    """Return the MediaProvider of examples/providers/http-<name>.yaml."""
    documents = yaml.safe_load_all((EXAMPLES / f"http-{name}.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = next(each for each in documents if each["kind"] == "MediaProvider")
    return found


def example_service(name: str, **changes: Any) -> HttpService:
    """Return its `spec.http`, with parts of it changed."""
    spec = MediaProviderSpec.model_validate(example(name)["spec"])
    if spec.http is None:
        raise ValueError(f"http-{name}.yaml has no spec.http")
    return HttpService.model_validate(spec.http.model_dump(by_alias=True, exclude_unset=True) | changes)


def declared(name: str, url: str, http: httpx.AsyncClient, key: str = "", **changes: Any) -> HttpProvider:
    """Return the adapter of an example, at another address."""
    return HttpProvider(Connection(url, key, http, example_service(name, **changes)))
