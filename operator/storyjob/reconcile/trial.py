"""Tries an installation from outside: applies a story like any user, waits for its film, and takes all of it away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import httpx

from storyjob.api.errors import TrialFailed
from storyjob.cluster.client import Cluster, Json
from storyjob.cluster.errors import NotFound
from storyjob.cluster.resources import PROVIDERS, SECRETS, STORYJOBS, Resource

KINDS = {kind.kind: kind for kind in (SECRETS, PROVIDERS, STORYJOBS)}
_PAUSE = 1.0  # seconds between two looks

Tell = Callable[[str], None]


async def await_ready(urls: Sequence[str], *, seconds: float) -> None:
    """Return once every URL answers 200. Raises ``TrialFailed`` with the last answer of the one that does not."""
    end = time.monotonic() + seconds
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as http:
        for url in urls:
            while (answer := await _ask(http, url)) is not None:
                if time.monotonic() > end:
                    raise TrialFailed(f"{url} is not ready: {answer}")
                await asyncio.sleep(_PAUSE)


async def try_story(cluster: Cluster, namespace: str, manifests: Sequence[Json], tell: Tell, *, seconds: float) -> str:
    """Create all of the manifests, wait until their stories are done, delete them; return the films' addresses.

    Raises ``TrialFailed`` when a story fails or takes longer, and ``Conflict`` when one of the objects exists.
    """
    made: list[tuple[Resource, Json]] = []
    try:
        for manifest in manifests:
            kind = _kind_of(manifest)
            made.append((kind, await cluster.create(kind, namespace, manifest)))
        stories = [item["metadata"]["name"] for kind, item in made if kind is STORYJOBS]
        end = time.monotonic() + seconds
        films = [await _film(cluster, namespace, name, tell, end) for name in stories]
    finally:
        # The other way round, and each gone before the next: a provider stays as long as a story needs it.
        for kind, item in reversed(made):
            await _remove(cluster, kind, item, seconds=seconds)
    return ", ".join(films)


async def _ask(http: httpx.AsyncClient, url: str) -> str | None:
    """Return what is wrong, None when nothing is."""
    try:
        answer = await http.get(url)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:300]}"


def _kind_of(manifest: Json) -> Resource:
    kind = KINDS.get(str(manifest.get("kind")))
    if kind is None:
        raise TrialFailed(f"{manifest.get('kind')} cannot be tried; a trial is made of {', '.join(KINDS)}")
    return kind


async def _film(cluster: Cluster, namespace: str, name: str, tell: Tell, end: float) -> str:
    shown = ""
    while True:
        status = (await cluster.get(STORYJOBS, namespace, name)).get("status") or {}
        line = f"{status.get('phase')}, {status.get('progress', 0)}%"
        if line != shown:
            tell(f"{name}: {line}")
            shown = line
        match status.get("phase"):
            case "Completed":
                return str(status["outputs"]["film"]["uri"])
            case "Failed":
                raise TrialFailed(f"{name} failed: {status.get('message')}")
        if time.monotonic() > end:
            raise TrialFailed(f"{name} takes too long; it is {line}: {status.get('message')}")
        await asyncio.sleep(_PAUSE)


async def _remove(cluster: Cluster, kind: Resource, item: Json, *, seconds: float) -> None:
    metadata = item["metadata"]
    end = time.monotonic() + seconds
    try:
        await cluster.delete(kind, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        while (await cluster.get(kind, metadata["namespace"], metadata["name"]))["metadata"]["uid"] == metadata["uid"]:
            if time.monotonic() > end:
                raise TrialFailed(f"{kind.kind} {metadata['name']} is not let go; does the operator run?")
            await asyncio.sleep(_PAUSE)
    except NotFound:
        return
