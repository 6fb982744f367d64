"""The request for a film, as it travels to a process of its own: whole, and named by the hash of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from storyjob.api.errors import FilmError
from storyjob.api.storyjob import Outputs
from storyjob.media.film import FilmMaker, find_film
from storyjob.media.layout import Layout
from storyjob.media.manifest import Facts
from storyjob.media.record import read_spoken
from storyjob.media.shot import Cut, Shot, film_hash
from storyjob.media.store import MIB, Store
from storyjob.together import together

HOPELESS = 3
"""How a process ends whose film cannot be made as long as nothing else changes."""
# A thousand scenes take about 2 MB.
_MAX_BYTES = 32 * MIB


@dataclass(frozen=True, slots=True)
class FilmRequest:
    """All that a film is made from, besides the bucket. ``cut`` names its segments, whether they are there or not."""

    namespace: str
    cut: Cut
    facts: Facts = field(default_factory=Facts)
    heard: Mapping[str, str] = field(default_factory=dict)
    """By scene: the input hash under which its narration was bought, whose record knows when each word is spoken."""
    version: Literal[1] = 1


_JSON = TypeAdapter(FilmRequest)


async def write_request(store: Store, layout: Layout, request: FilmRequest) -> str:
    """Put the request where it is looked for and return its hash. Raises ``StorageError``."""
    data = _JSON.dump_json(request, exclude_none=True)
    sha256 = hashlib.sha256(data).hexdigest()
    key = layout.film_request(film_hash(request.cut), sha256)
    await store.put(key, data, content_type="application/json")
    return sha256


async def read_request(store: Store, layout: Layout, film: str, sha256: str) -> FilmRequest:
    """Return a request. Raises ``FilmError`` when it is not what was written, or of another film; ``StorageError``."""
    key = layout.film_request(film, sha256)
    data, uri = await store.get(key, max_bytes=_MAX_BYTES), store.uri(key)
    if data is None:
        raise FilmError(f"{uri} is no longer in the bucket")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise FilmError(f"{uri} is not what was stored there; it was changed from outside")
    try:
        request = _JSON.validate_json(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise FilmError(f"{uri} is of another version of the operator: {problem['msg']}") from error
    if film_hash(request.cut) != film:
        raise FilmError(f"{uri} would be another film here; operator and film Job must be of one version")
    return request


async def make_film(maker: FilmMaker, request: FilmRequest) -> Outputs:
    """Return the film, rendering whatever of it was never rendered. Raises ``FilmError``, ``StorageError``."""
    store, cut = maker.store, request.cut
    layout = Layout(store.config.prefix, request.namespace)
    if (found := await find_film(store, layout, film_hash(cut))) is not None:
        return found
    once = {segment.hash: shot for segment, shot in zip(cut.segments, cut.shots, strict=True)}
    await together(*(maker.segment(request.namespace, shot, cut.look) for shot in once.values()))
    shots = await together(*(_aligned(store, layout, shot, request.heard.get(shot.name)) for shot in cut.shots))
    return await maker.film(request.namespace, replace(cut, shots=shots), request.facts)


async def _aligned(store: Store, layout: Layout, shot: Shot, input_hash: str | None) -> Shot:
    if shot.audio is None or input_hash is None:
        return shot
    alignment = await read_spoken(store, layout, input_hash, shot.audio.sha256)
    return replace(shot, audio=replace(shot.audio, alignment=alignment))
