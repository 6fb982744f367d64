"""Owns the names of everything in the bucket. Pure.

::

    <prefix>/<namespace>/media/<inputHash>/<tokenHash>.<ext>     what was bought; never overwritten
    <prefix>/<namespace>/media/<inputHash>/record.json           the look-up, written last
    <prefix>/<namespace>/sources/<fingerprint>/record.json       what is known of a user's own file
    <prefix>/<namespace>/segments/<hash>.mp4                     one scene, ready to be joined
    <prefix>/<namespace>/films/<hash>/film.mp4 …manifest.json    the manifest is written last
    <prefix>/<namespace>/films/<hash>/request-<sha256>.json      what a film Job is asked to make
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from storyjob.api.errors import InvalidInput

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HASH = re.compile(r"[0-9a-f]{16,128}")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_MAX_KEY_BYTES = 1024


class FilmFile(StrEnum):
    """The files of a finished film."""

    FILM = "film.mp4"
    POSTER = "poster.jpg"
    CAPTIONS_SRT = "captions.srt"
    CAPTIONS_VTT = "captions.vtt"
    MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class S3Uri:
    """The place of an object: ``s3://<bucket>/<key>``."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys of one namespace. Raises ``ValueError`` for parts that could leave it."""

    prefix: str
    namespace: str

    def __post_init__(self) -> None:
        _match(_NAMESPACE, self.namespace, "namespace")

    @property
    def root(self) -> str:
        """All keys of the namespace start with this; ends in a slash."""
        prefix = self.prefix.strip("/")
        return f"{prefix}/{self.namespace}/" if prefix else f"{self.namespace}/"

    def media(self, input_hash: str, token_hash: str, extension: str, variant: str | None = None) -> str:
        """Return where the bytes of one attempt lie; ``variant`` tells apart other bytes of the same one."""
        name = _match(_HASH, token_hash, "token hash")
        if variant is not None:
            name = f"{name}-{_match(_HASH, variant, 'variant')}"
        return f"{self._media(input_hash)}{name}.{_match(_EXTENSION, extension, 'extension')}"

    def attempt(self, input_hash: str, token_hash: str) -> str:
        """Return how the key of one attempt's bytes begins, whatever their type."""
        return f"{self._media(input_hash)}{_match(_HASH, token_hash, 'token hash')}."

    def record(self, input_hash: str) -> str:
        """Return where the look-up record of an input lies."""
        return f"{self._media(input_hash)}record.json"

    def source_record(self, fingerprint: str) -> str:
        """Return where that which was measured of a user's own file is kept."""
        return f"{self.root}sources/{_match(_HASH, fingerprint, 'fingerprint')}/record.json"

    def segment(self, segment_hash: str) -> str:
        """Return where a rendered scene lies."""
        return f"{self.root}segments/{_match(_HASH, segment_hash, 'segment hash')}.mp4"

    def film(self, film_hash: str, file: FilmFile) -> str:
        """Return where a file of a finished film lies."""
        return f"{self.root}films/{_match(_HASH, film_hash, 'film hash')}/{file.value}"

    def film_request(self, film_hash: str, sha256: str) -> str:
        """Return where the request for a film lies, by the hash of its bytes."""
        film, request = _match(_HASH, film_hash, "film hash"), _match(_HASH, sha256, "request hash")
        return f"{self.root}films/{film}/request-{request}.json"

    def _media(self, input_hash: str) -> str:
        return f"{self.root}media/{_match(_HASH, input_hash, 'input hash')}/"


def parse_uri(uri: str) -> S3Uri:
    """Read an ``s3://bucket/key`` address of one object. Raises ``InvalidInput``."""
    bucket, slash, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not slash or not _BUCKET.fullmatch(bucket):
        raise InvalidInput(f'"{uri[:200]}" is not of the form s3://<bucket>/<key>')
    # Some stores keep objects as files and resolve dots, so a key with them could leave its prefix.
    if any(part in {"", ".", ".."} for part in key.split("/")) or not key.isprintable():
        raise InvalidInput(f'"{uri[:200]}" has an empty part, ".", ".." or a control character in its key')
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise InvalidInput(f'the key of "{uri[:200]}…" is longer than {_MAX_KEY_BYTES} bytes')
    return S3Uri(bucket, key)


def check_source(uri: str, *, bucket: str, layout: Layout, shared: Sequence[str]) -> S3Uri:
    """Return the object that a story names, if a story of this namespace may read it.

    ``shared`` holds the operator's prefixes, ``s3://bucket/prefix``, open to all namespaces. Raises ``InvalidInput``.
    """
    place = parse_uri(uri)
    allowed = [f"s3://{bucket}/{layout.root}", *(f"{entry.rstrip('/')}/" for entry in shared)]
    if not any(str(place).startswith(prefix) for prefix in allowed):
        raise InvalidInput(f'"{uri}" may not be read from here; put the file under {" or ".join(allowed)}')
    return place


def _match(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not a valid {what}")
    return value
