"""Turns a picture into a file that carries its job's id, so that no two jobs deliver the same bytes."""

from __future__ import annotations

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storyjob.simulator.job import Media

_JOB = "storyjob-simulator-job"
_EXIF_DESCRIPTION = 0x010E
_TYPES = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg"}


def encode_picture(picture: Image.Image, extension: str, job: str) -> Media:
    """Return a picture as ``png``, ``webp`` or ``jpg``. PNGs name their job in a text chunk, others in EXIF."""
    out = io.BytesIO()
    exif = Image.Exif()
    exif[_EXIF_DESCRIPTION] = f"{_JOB} {job}"
    match extension:
        case "webp":
            picture.save(out, "WEBP", quality=88, method=2, exif=exif)
        case "jpg":
            picture.save(out, "JPEG", quality=90, exif=exif)
        case _:
            note = PngInfo()
            note.add_text(_JOB, job)
            picture.save(out, "PNG", compress_level=3, pnginfo=note)
    return Media(out.getvalue(), _TYPES.get(extension, "image/png"), extension)
