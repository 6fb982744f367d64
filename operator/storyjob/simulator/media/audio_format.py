"""Audio formats by names after ElevenLabs', such as ``mp3_44100_128``, and what ffmpeg calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One way to encode speech."""

    content_type: str
    extension: str
    arguments: tuple[str, ...]
    """ffmpeg's output options."""


@dataclass(frozen=True, slots=True)
class _Codec:
    content_type: str
    extension: str
    options: tuple[str, ...]
    has_bitrate: bool = False


_CODECS: Mapping[str, _Codec] = MappingProxyType(
    {
        "mp3": _Codec("audio/mpeg", "mp3", ("-c:a", "libmp3lame", "-f", "mp3"), has_bitrate=True),
        "aac": _Codec("audio/aac", "aac", ("-c:a", "aac", "-f", "adts"), has_bitrate=True),
        "flac": _Codec("audio/flac", "flac", ("-c:a", "flac", "-f", "flac")),
        # Fragments, since the header of the usual form cannot be written into a pipe.
        "m4a": _Codec(
            "audio/mp4",
            "m4a",
            ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4"),
            has_bitrate=True,
        ),
        "opus": _Codec("audio/ogg", "ogg", ("-c:a", "libopus", "-f", "ogg"), has_bitrate=True),
        "wav": _Codec("audio/wav", "wav", ("-c:a", "pcm_s16le", "-f", "wav")),
        "pcm": _Codec("audio/pcm", "pcm", ("-c:a", "pcm_s16le", "-f", "s16le")),
        "ulaw": _Codec("audio/basic", "ulaw", ("-c:a", "pcm_mulaw", "-f", "mulaw")),
        "alaw": _Codec("audio/x-alaw-basic", "alaw", ("-c:a", "pcm_alaw", "-f", "alaw")),
    }
)
_RATES = frozenset({8000, 16000, 22050, 24000, 32000, 44100, 48000})  # Hz
_BITRATES = frozenset({32, 48, 64, 96, 128, 192})  # kbit/s


def parse_format(text: str) -> AudioFormat:
    """Return what a format's name stands for. Raises ``ValueError`` naming the format."""
    name, *numbers = text.split("_")
    codec = _CODECS.get(name)
    if codec is None or len(numbers) != 1 + codec.has_bitrate or not all(map(str.isdigit, numbers)):
        raise ValueError(f"output_format {text!r} is not known")
    rate, *bitrate = map(int, numbers)
    if rate not in _RATES or not _BITRATES.issuperset(bitrate):
        raise ValueError(f"output_format {text!r} is not known")
    options = [*codec.options, "-ar", str(rate)]
    if bitrate:
        options += ["-b:a", f"{bitrate[0]}k"]
    return AudioFormat(codec.content_type, codec.extension, tuple(options))
