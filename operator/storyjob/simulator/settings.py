"""What the simulated world is like: its pace, its prices, its keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from storyjob.api.step import StepKind

# Fixed, so that an operator which remembers it survives a restart of the simulator. It protects nothing real.
_SECRET_SEED = b"storyjob simulator: not a secret"

DEFAULT_KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "replicate": frozenset({"r8_simulator"}),
        "fal": frozenset({"fal-simulator"}),
        "luma": frozenset({"luma-simulator"}),
        "runway": frozenset({"key_simulator"}),
        "bfl": frozenset({"bfl-simulator"}),
        "elevenlabs": frozenset({"sk_simulator"}),
        "gemini": frozenset({"AIza-simulator"}),
        "google-tts": frozenset({"AIza-simulator"}),
        "openai": frozenset({"sk-simulator"}),
        "vertex": frozenset({"AIza-simulator"}),
    }
)

SPEECH_SECONDS_PER_CHARACTER = 0.06
SPEECH_SECONDS_MINIMUM = 0.5


def _default_webhook_secret() -> str:
    # Standard base64 and no "_" in it: replicate's own client splits the secret at "_".
    return "whsec_" + base64.b64encode(hashlib.sha256(_SECRET_SEED).digest()[:24]).decode()


class MediaMode(StrEnum):
    """How much work is put into what is delivered."""

    REAL = "real"
    """Painted pictures, spoken words, moving clips."""
    SMALL = "small"
    """Valid and different for each job, but tiny and almost free to make."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The knobs of one simulator. All durations are seconds before division by ``speed``."""

    speed: float = 1.0
    media: MediaMode = MediaMode.REAL
    public_url: str | None = None
    """Where clients reach us, for links in answers; without it the Host header of each request tells."""
    image_seconds: float = 3.0
    video_seconds: float = 8.0
    speech_seconds: float | None = None
    """A fixed time per narration; without it narrations take 0.06 s a character, at least 0.5 s."""
    link_seconds: float = 3600.0
    """How long outputs can be downloaded. Real seconds: a fast world should not lose what it made."""
    speech_concurrency: int = 5
    """Narrations ElevenLabs works on at once; one more gets its 429."""
    keys: Mapping[str, frozenset[str]] = field(default_factory=lambda: DEFAULT_KEYS, repr=False)
    webhook_secret: str = field(default_factory=_default_webhook_secret, repr=False)

    def job_seconds(self, kind: StepKind, text: str) -> float:
        """Return how long a job takes, before division by ``speed``."""
        match kind:
            case StepKind.IMAGE:
                return self.image_seconds
            case StepKind.VIDEO:
                return self.video_seconds
            case StepKind.AUDIO if self.speech_seconds is not None:
                return self.speech_seconds
            case StepKind.AUDIO:
                return max(SPEECH_SECONDS_MINIMUM, SPEECH_SECONDS_PER_CHARACTER * len(text))


IMAGE_PRICE = Decimal("0.025")
CLIP_PRICE = Decimal("0.40")
SPEECH_PRICE_PER_CHARACTER = Decimal("0.00003")


def price(kind: StepKind, text: str, count: int = 1) -> Decimal:
    """Return what a job costs in USD."""
    match kind:
        case StepKind.IMAGE:
            return IMAGE_PRICE * count
        case StepKind.VIDEO:
            return CLIP_PRICE * count
        case StepKind.AUDIO:
            return SPEECH_PRICE_PER_CHARACTER * len(text)
