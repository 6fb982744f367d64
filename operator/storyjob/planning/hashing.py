"""Names what a step asks for: equal wishes get equal hashes, whoever asks and whenever."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from storyjob.api.mediaprovider import ProviderType
from storyjob.api.scene import SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.wishes import AudioRequest, VideoRequest


def canonical(document: Any) -> bytes:
    """Return the one JSON form of a document: sorted keys, no spaces, UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """Return the SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()


def maker(type_: str, provider: str) -> str:
    """Return what stands for a MediaProvider in the hash: its vendor.

    The type http names none, so there it is the MediaProvider: two services of one model name are not the same.
    """
    return f"{type_}/{provider}" if type_ == ProviderType.HTTP else str(type_)


def input_hash(spec: SceneSpec, kind: StepKind, made_by: str, image_sha256: str | None) -> str:
    """Return the SHA-256 of what the user asked for in one step.

    Only the wish counts: never URLs, credentials, deadlines, attempts or the provider's name, so that moving
    a story to another account or retrying it buys nothing twice. ``made_by`` is what ``maker`` returns,
    ``image_sha256`` the still that a clip starts from.
    """
    wish = spec.wish(kind)
    if wish is None:
        raise ValueError(f"scene {spec.name} asks for no {kind}")
    document = {
        "kind": kind.value,
        "type": made_by,
        "model": wish.model,
        "text": wish.text if isinstance(wish, AudioRequest) else wish.prompt,
        "voice": wish.voice if isinstance(wish, AudioRequest) else None,
        "seed": wish.seed,
        "input": wish.input or {},
        "image": image_sha256 if isinstance(wish, VideoRequest) else None,
        "regenerate": spec.regenerate,
    }
    return sha256(canonical(document))


@dataclass(frozen=True, slots=True)
class InputHashes:
    """Remembers the hashes of one generation of one story, where a scene's name stands for its spec.

    A story is planned dozens of times a second while its provider answers wait, and hashing was most of it.
    """

    known: dict[tuple[str, StepKind, str, str | None], str] = field(default_factory=dict)

    def of(self, spec: SceneSpec, kind: StepKind, made_by: str, image_sha256: str | None) -> str:
        """Return the ``input_hash``."""
        asked = (spec.name, kind, made_by, image_sha256)
        if (found := self.known.get(asked)) is None:
            found = self.known[asked] = input_hash(spec, kind, made_by, image_sha256)
        return found
