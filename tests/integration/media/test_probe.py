"""Media is what its bytes show, measured to the end; what is damaged is refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from storyjob.api.errors import MediaError
from storyjob.api.step import StepKind
from storyjob.media.probe import Probe, check_kind, probe
from support.media import clip, picture, silence, sound

Make = Callable[[], bytes]


def measured(tmp_path: Path, data: bytes) -> Probe:
    path = tmp_path / "media"
    path.write_bytes(data)
    return probe(path)


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG of a few hundred bytes that unpacks to width x height pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))


@pytest.mark.parametrize(
    ("make", "content_type", "extension"),
    [
        pytest.param(lambda: picture(), "image/png", "png", id="PNG"),
        pytest.param(lambda: picture(kind="JPEG"), "image/jpeg", "jpg", id="JPEG"),
        pytest.param(lambda: picture(kind="WEBP"), "image/webp", "webp", id="WebP"),
    ],
)
def test_images_are_measured(tmp_path: Path, make: Make, content_type: str, extension: str) -> None:
    found = measured(tmp_path, make())
    assert found == Probe(content_type, extension, None, 64, 36, False, False)


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        *(("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("ogg", "audio/ogg"), ("flac", "audio/flac")),
        *(("m4a", "audio/mp4"), ("aac", "audio/aac")),
    ],
)
def test_sound_is_measured(tmp_path: Path, kind: str, content_type: str) -> None:
    found = measured(tmp_path, sound(1.5, kind))
    assert (found.content_type, found.has_audio, found.has_video) == (content_type, True, False)
    assert found.seconds == pytest.approx(1.5, abs=0.08)
    check_kind(found, StepKind.AUDIO, max_seconds=60)


@pytest.mark.parametrize(("kind", "content_type"), [("mp4", "video/mp4"), ("webm", "video/webm")])
def test_clips_are_measured(tmp_path: Path, kind: str, content_type: str) -> None:
    found = measured(tmp_path, clip(1.5, kind))
    assert (found.content_type, found.width, found.height) == (content_type, 64, 36)
    assert (found.has_audio, found.has_video) == (True, True)
    assert found.seconds == pytest.approx(1.5, abs=0.08)
    check_kind(found, StepKind.VIDEO, max_seconds=60)


def test_a_streamed_wav_that_does_not_know_its_length_is_measured(tmp_path: Path) -> None:
    data = bytearray(sound(1.0, "wav"))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    data[4:8] = b"\xff\xff\xff\xff"
    assert measured(tmp_path, bytes(data)).seconds == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda: b"<!DOCTYPE html><html>404</html>", "web page", id="a web page"),
        pytest.param(lambda: b'{"error": "no"}', "JSON", id="JSON"),
        pytest.param(lambda: b"#EXTM3U\nhttp://169.254.169.254/\n", "playlist", id="a playlist"),
        pytest.param(lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "unknown", id="a concat list"),
        pytest.param(lambda: b"GIF89a" + bytes(50), "GIF", id="a GIF"),
        pytest.param(lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "XML", id="an SVG"),
        pytest.param(lambda: b"", "nothing", id="nothing"),
        pytest.param(lambda: b"\x89PNG\r\n\x1a\n" + b"garbage" * 99, "image", id="a PNG of garbage"),
        pytest.param(lambda: b"RIFF\x00\x00\x00\x00WEBP" + b"garbage" * 99, "image", id="a WebP of garbage"),
        pytest.param(lambda: b"\xff\xd8\xff" + b"garbage" * 99, "image", id="a JPEG of garbage"),
        pytest.param(lambda: picture((640, 360))[:-400], "damaged", id="a PNG cut off"),
        pytest.param(lambda: picture((640, 360), kind="JPEG")[:-2000], "damaged", id="a JPEG cut off"),
        pytest.param(lambda: png_claiming(10_000, 10_000), "pixels", id="a large bomb"),
        pytest.param(lambda: png_claiming(60_000, 60_000), "pixels", id="a huge bomb"),
        pytest.param(lambda: b"ID3\x04\x00\x00" + b"garbage" * 999, "damaged|decoded|zero", id="an MP3 of garbage"),
        pytest.param(lambda: b"\x00\x00\x00\x18ftypmp42" + b"garbage" * 99, "damaged", id="an MP4 of garbage"),
        pytest.param(lambda: clip(3.0)[:-8000], "cut off|damaged", id="an MP4 cut off"),
        pytest.param(lambda: clip(3.0)[:400], "cut off|damaged", id="an MP4 of which only the beginning came"),
        pytest.param(lambda: clip(3.0, "webm")[:-8000], "cut off|damaged", id="a WebM cut off"),
        pytest.param(lambda: sound(6.0)[:-30000], "cut off", id="an MP3 cut off"),
        pytest.param(lambda: sound(6.0, "flac")[:-30000], "cut off|damaged", id="a FLAC cut off"),
        pytest.param(lambda: sound(6.0, "wav")[:-200000], "cut off", id="a WAV cut off"),
    ],
)
def test_what_is_damaged_or_foreign_is_refused(tmp_path: Path, make: Make, reason: str) -> None:
    data = make()
    with pytest.raises(MediaError, match=reason):
        check_kind(measured(tmp_path, data), StepKind.AUDIO, max_seconds=60)


@pytest.mark.parametrize("data", [silence(), b"ID3\x04\x00\x00\x00\x00\x00\x00"], ids=["WAV", "MP3"])
def test_a_narration_without_any_sound_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MediaError, match=r"zero|damaged|no sound"):
        check_kind(measured(tmp_path, data), StepKind.AUDIO, max_seconds=60)


@pytest.mark.parametrize(
    ("make", "kind", "reason"),
    [
        pytest.param(lambda: sound(), StepKind.IMAGE, "an image was asked for", id="sound for an image"),
        pytest.param(lambda: picture(), StepKind.AUDIO, "no sound", id="a picture for a narration"),
        pytest.param(lambda: clip(silent=True), StepKind.AUDIO, "no sound", id="a silent clip for a narration"),
        pytest.param(lambda: sound(), StepKind.VIDEO, "no video", id="sound for a clip"),
        pytest.param(lambda: picture(), StepKind.VIDEO, "no video", id="a picture for a clip"),
        pytest.param(lambda: sound(2.5), StepKind.AUDIO, "at most 2 s", id="too long"),
    ],
)
def test_the_wrong_kind_is_refused(tmp_path: Path, make: Make, kind: StepKind, reason: str) -> None:
    data = make()
    with pytest.raises(MediaError, match=reason):
        check_kind(measured(tmp_path, data), kind, max_seconds=2)
