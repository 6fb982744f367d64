"""What a film is made of, as values: stored media, one scene's shot, and how the film shall look."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate

from storyjob.api.outcome import Alignment

# Raise it whenever the same ingredients would give another film: nothing rendered before is reused then.
RENDERER_VERSION = 2
SAMPLE_RATE = 48_000  # Hz


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """A file in the bucket. ``seconds`` is as measured; ``None`` for an image. ``bucket``: when not our own."""

    key: str
    sha256: str
    content_type: str
    seconds: float | None = None
    alignment: Alignment | None = None
    bucket: str | None = None

    @property
    def is_picture(self) -> bool:
        """Whether it is a still."""
        return self.content_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class Shot:
    """One scene, ready to be rendered.

    What is seen is ``source``, else ``video``, else ``image``, else a title card, which ``placeholder`` asks
    for outright. What is heard is ``audio``, else the sound of what is seen. ``text`` is what ``audio`` says.
    """

    name: str
    index: int
    text: str | None = None
    image: StoredMedia | None = None
    audio: StoredMedia | None = None
    video: StoredMedia | None = None
    source: StoredMedia | None = None
    seconds: float | None = None
    placeholder: bool = False

    @property
    def clip(self) -> StoredMedia | None:
        """The moving picture that is shown, if there is one."""
        seen = self.source or self.video
        return None if self.placeholder or seen is None or seen.is_picture else seen

    @property
    def still(self) -> StoredMedia | None:
        """The still that is shown, if there is one and no moving picture."""
        return None if self.placeholder or self.clip else self.source or self.image


@dataclass(frozen=True, slots=True)
class Look:
    """How every scene of a film is rendered. Sizes are in pixels and even; ``fps`` is whole."""

    width: int = 1280
    height: int = 720
    fps: int = 30
    still_seconds: float = 4.0
    """How long a still without narration is seen when its scene does not say."""
    tail_seconds: float = 0.25
    """Silence after each narration."""
    soft_subtitles: bool = True

    def __post_init__(self) -> None:
        sides = (self.width, self.height)
        if any(side % 2 or not 2 <= side <= 7680 for side in sides) or not 1 <= self.fps <= 120:
            raise ValueError(f"{self.width}x{self.height} at {self.fps} frames a second cannot be made")


@dataclass(frozen=True, slots=True)
class Segment:
    """A rendered scene in the bucket."""

    key: str
    hash: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """A whole film before it is joined: its shots in order, and the segment of each."""

    title: str
    shots: Sequence[Shot]
    segments: Sequence[Segment]
    look: Look

    def __post_init__(self) -> None:
        if not self.shots or len(self.shots) != len(self.segments):
            raise ValueError(f"a film of {len(self.shots)} shots and {len(self.segments)} segments cannot be made")

    @property
    def seconds(self) -> float:
        """How long the film is."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def starts(self) -> list[float]:
        """When each shot begins, in seconds of the film."""
        return [0.0, *accumulate(segment.seconds for segment in self.segments)][:-1]


def frames(shot: Shot, look: Look) -> int:
    """Return how many frames the shot lasts: as long as its narration and its clip, whichever is longer."""
    wanted = [0.0]
    if shot.clip is not None:
        wanted.append(shot.clip.seconds or 0.0)
    if shot.audio is not None:
        wanted.append((shot.audio.seconds or 0.0) + look.tail_seconds)
    longest = max(wanted) or shot.seconds or look.still_seconds
    # Measured lengths are sums of floats; a hair above a whole frame is that frame.
    return max(1, math.ceil(longest * look.fps - 1e-3))


def segment_hash(shot: Shot, look: Look) -> str:
    """Return the name of the rendered shot: equal for equal ingredients, whatever the scene is called."""
    card = shot.name if shot.clip is None and shot.still is None else None
    return content_hash(
        {
            "renderer": RENDERER_VERSION,
            "size": [look.width, look.height, look.fps],
            "frames": frames(shot, look),
            "clip": shot.clip and shot.clip.sha256,
            "still": shot.still and shot.still.sha256,
            "card": card,
            "audio": shot.audio and shot.audio.sha256,
        }
    )


def content_hash(value: Mapping[str, object]) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def film_hash(cut: Cut) -> str:
    """Return the name of the finished film: equal for equal scenes, words and title."""
    shots = [{"name": shot.name, "text": shot.text if shot.audio else None} for shot in cut.shots]
    segments = [segment.hash for segment in cut.segments]
    look = asdict(cut.look)
    return content_hash(
        {
            "renderer": RENDERER_VERSION,
            "title": cut.title,
            "shots": shots,
            "segments": segments,
            "look": look,
        }
    )
