"""Tells what bytes are from their beginning, never from a name or a header."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEAD_BYTES = 4096


class Family(StrEnum):
    """What reads a type: Pillow for images, FFmpeg for the rest."""

    IMAGE = "image"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type that we take. ``reader`` is its Pillow format or its FFmpeg demuxer, always forced on them:
    left to guess, FFmpeg would also take a playlist and fetch what it names."""

    family: Family
    content_type: str
    extension: str
    reader: str


PNG = MediaType(Family.IMAGE, "image/png", "png", "PNG")
JPEG = MediaType(Family.IMAGE, "image/jpeg", "jpg", "JPEG")
WEBP = MediaType(Family.IMAGE, "image/webp", "webp", "WEBP")
MP3 = MediaType(Family.STREAM, "audio/mpeg", "mp3", "mp3")
AAC = MediaType(Family.STREAM, "audio/aac", "aac", "aac")
WAV = MediaType(Family.STREAM, "audio/wav", "wav", "wav")
FLAC = MediaType(Family.STREAM, "audio/flac", "flac", "flac")
OGG = MediaType(Family.STREAM, "audio/ogg", "ogg", "ogg")
M4A = MediaType(Family.STREAM, "audio/mp4", "m4a", "mov")
MP4 = MediaType(Family.STREAM, "video/mp4", "mp4", "mov")
WEBM = MediaType(Family.STREAM, "video/webm", "webm", "matroska")
WEBM_AUDIO = MediaType(Family.STREAM, "audio/webm", "weba", "matroska")

ALL = (PNG, JPEG, WEBP, MP3, AAC, WAV, FLAC, OGG, M4A, MP4, WEBM, WEBM_AUDIO)
_BY_CONTENT_TYPE = {each.content_type: each for each in ALL}
# The containers whose name tells whether there is a picture in them, once that is known.
_SOUND_ONLY = {MP4: M4A, WEBM: WEBM_AUDIO}

_MAGIC = (
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"\xff\xd8\xff", JPEG),
    (8, b"WEBP", WEBP),
    (8, b"WAVE", WAV),
    (0, b"ID3", MP3),
    (0, b"fLaC", FLAC),
    (0, b"OggS", OGG),
    (4, b"ftyp", MP4),
    (0, b"\x1a\x45\xdf\xa3", WEBM),
)


def sniff(head: bytes) -> MediaType | None:
    """Return the type of a file that begins with ``head``, or ``None`` for anything we do not take."""
    for offset, magic, media_type in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media_type
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return AAC
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return MP3
    return None


def sound_only(media_type: MediaType) -> MediaType:
    """Return the type of the same container when it holds no pictures."""
    return _SOUND_ONLY.get(media_type, media_type)


def by_content_type(content_type: str) -> MediaType | None:
    """Return the type that we stored under this content type."""
    return _BY_CONTENT_TYPE.get(content_type)


def described(head: bytes) -> str:
    """Say in words what bytes that we do not take seem to be, without showing them."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "nothing at all"
    if text[:1] == b"<":
        return "a web page or XML"
    if text[:1] in {b"{", b"["}:
        return "JSON"
    if head[:4] == b"GIF8":
        return "a GIF"
    if text[:7] == b"#EXTM3U":
        return "a playlist"
    return "an unknown format"
