"""The manifest of a film: what it was made of, by whom and for how much. Written last, it is the film's commit."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from storyjob.egress import shown
from storyjob.media.shot import Cut, StoredMedia
from storyjob.media.store import MIB, Store

_log = logging.getLogger(__name__)
# A thousand scenes take about 1 MB.
_MAX_BYTES = 32 * MIB


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class ManifestFile(_Part):
    """A file of the film, or one that it was made of."""

    uri: str
    sha256: str
    bytes: int | None = None
    content_type: str | None = None
    duration_seconds: float | None = None


class ManifestSegment(_Part):
    """A rendered scene; ``hash`` is of what it was made from."""

    uri: str
    hash: str


class ManifestScene(_Part):
    """One scene as it is in the film."""

    name: str
    index: int
    text: str | None = None
    placeholder: bool = False
    start_seconds: float
    duration_seconds: float
    segment: ManifestSegment
    image: ManifestFile | None = None
    audio: ManifestFile | None = None
    video: ManifestFile | None = None
    source: ManifestFile | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class Manifest(_Part):
    """A finished film. ``facts`` is what the caller knows of the story: models, costs, times."""

    version: Literal[1] = 1
    title: str
    film_hash: str
    renderer_version: int
    created_at: datetime
    film: ManifestFile
    poster: ManifestFile
    captions_srt: ManifestFile
    captions_vtt: ManifestFile
    look: dict[str, Any]
    scenes: Sequence[ManifestScene]
    facts: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the caller knows and the manifest shall tell: of the story, and of each scene by its name.

    JSON values; decimals and times as strings. They do not enter the film's hash.
    """

    story: Mapping[str, Any] = field(default_factory=dict)
    scenes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def told_scenes(store: Store, cut: Cut, facts: Facts) -> list[ManifestScene]:
    """Return what the manifest says of each scene."""

    def file(media: StoredMedia | None) -> ManifestFile | None:
        if media is None:
            return None
        uri, kind = store.uri(media.key, media.bucket), media.content_type
        return ManifestFile(uri=uri, sha256=media.sha256, content_type=kind, duration_seconds=media.seconds)

    return [
        ManifestScene(
            name=shot.name,
            index=shot.index,
            text=shot.text,
            placeholder=shot.placeholder,
            start_seconds=start,
            duration_seconds=segment.seconds,
            segment=ManifestSegment(uri=store.uri(segment.key), hash=segment.hash),
            image=file(shot.image),
            audio=file(shot.audio),
            video=file(shot.video),
            source=file(shot.source),
            facts=public_facts(facts.scenes.get(shot.name, {})),
        )
        for shot, segment, start in zip(cut.shots, cut.segments, cut.starts, strict=True)
    ]


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as JSON, to be read by people too."""
    return manifest.model_dump_json(by_alias=True, exclude_none=True, indent=1).encode() + b"\n"


async def read_manifest(store: Store, key: str) -> Manifest | None:
    """Return the manifest under this key, or ``None`` when there is none that we could have written."""
    data = await store.get(key, max_bytes=_MAX_BYTES)
    if data is None:
        return None
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        _log.warning("%s is not a manifest and is ignored: %s", store.uri(key), problem["msg"])
        return None


def public_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts fit for a file that is passed around: links lose their queries, which carry signatures."""
    return {str(name): _public(value) for name, value in facts.items()}


def _public(value: Any) -> Any:
    match value:
        case str() if value.startswith(("http://", "https://")):
            return shown(value)
        case Mapping():
            return public_facts(value)
        case list() | tuple():
            return [_public(each) for each in value]
        case _:
            return value
