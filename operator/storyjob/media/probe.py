"""Measures media and finds out whether they are whole: Pillow for images, PyAV for sound and video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from storyjob.api.errors import MediaError
from storyjob.api.step import StepKind
from storyjob.media.sniff import HEAD_BYTES, Family, MediaType, described, sniff, sound_only
from storyjob.media.track import Measured, measure

# Twice 8K UHD is far above what any model makes; decoded it takes 200 MB.
MAX_PIXELS = 66_000_000
# Pillow refuses what is twice as large before it is decoded, and warns of what is in between.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is. ``seconds`` is measured from its packets; ``None`` for an image."""

    content_type: str
    extension: str
    seconds: float | None
    width: int | None
    height: int | None
    has_audio: bool
    has_video: bool


def probe(path: Path) -> Probe:
    """Measure a file. Blocks: call it in a thread. Raises ``MediaError`` for what is damaged or not media."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    media_type = sniff(head)
    if media_type is None:
        raise MediaError(f"the bytes are {described(head)}, not an image, sound or video of a type we take")
    if media_type.family is Family.IMAGE:
        return _probe_image(path, media_type)
    measured = measure(path, media_type, max_pixels=MAX_PIXELS)
    return _probe_stream(media_type, measured)


def check_kind(found: Probe, kind: StepKind, *, max_seconds: float) -> None:
    """Raise ``MediaError`` when this cannot be the result of such a step."""
    is_image = found.seconds is None
    seconds = found.seconds or 0.0
    if kind is StepKind.IMAGE:
        if not is_image:
            raise MediaError(f"an image was asked for, and {found.content_type} came")
        return
    name = "narration" if kind is StepKind.AUDIO else "clip"
    if is_image or not (found.has_audio if kind is StepKind.AUDIO else found.has_video):
        missing = "sound" if kind is StepKind.AUDIO else "video"
        raise MediaError(f"the {name} has no {missing} in it: {found.content_type} came")
    if seconds <= 0:
        raise MediaError(f"the {name} has a length of zero")
    if seconds > max_seconds:
        raise MediaError(f"the {name} lasts {seconds:.0f} s; at most {max_seconds:.0f} s are taken")


def _probe_image(path: Path, media_type: MediaType) -> Probe:
    try:
        with Image.open(path, formats=(media_type.reader,)) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise MediaError(f"the image has {width}x{height} pixels; at most {MAX_PIXELS} are taken")
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(f"the image has more than {MAX_PIXELS} pixels") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"the bytes begin as {media_type.content_type} and are none") from error
    # Pillow's decoders raise all of these for damaged bytes.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, ArithmeticError) as error:
        raise MediaError(f"the image is damaged or cut off: {error}", retryable=True) from error
    return Probe(media_type.content_type, media_type.extension, None, width, height, False, False)


def _probe_stream(media_type: MediaType, measured: Measured) -> Probe:
    real = media_type if measured.has_video else sound_only(media_type)
    return Probe(
        real.content_type,
        real.extension,
        measured.seconds,
        measured.width,
        measured.height,
        measured.has_audio,
        measured.has_video,
    )
