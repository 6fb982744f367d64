"""Prepares the one frame of a still: decoded, turned upright, fitted into the film, never stretched."""

from __future__ import annotations

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from storyjob.api.errors import FilmError
from storyjob.media.probe import MAX_PIXELS

_CARD = (24, 26, 32)
_INK = (236, 233, 225)
_QUIET = (150, 148, 142)


def write_frame(path: Path, frame: Path, size: tuple[int, int]) -> None:
    """Write the picture as raw RGB of exactly ``size``. Blocks. Raises ``FilmError``.

    Raw, since then neither an unusual colour mode nor a hostile file reaches ffmpeg's own image decoders.
    """
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise FilmError(f"a picture of {image.width}x{image.height} pixels is too large for a film")
            # JPEGs can be read at a half or a quarter of their size for much less memory.
            image.draft("RGB", size)
            fitted = _fit(ImageOps.exif_transpose(image), size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FilmError(f"a picture cannot be read: {error}") from error
    frame.write_bytes(fitted.tobytes())


def write_card(title: str, frame: Path, size: tuple[int, int]) -> None:
    """Write a title card for a scene that has nothing to show, as raw RGB of exactly ``size``."""
    width, height = size
    card = Image.new("RGB", size, _CARD)
    draw = ImageDraw.Draw(card)
    font = ImageFont.load_default(size=max(10, height // 12))
    small = ImageFont.load_default(size=max(8, height // 26))
    lines = "\n".join(textwrap.wrap(title, width=24)[:4])
    centre = (width / 2, height * 0.45)
    draw.multiline_text(centre, lines, fill=_INK, font=font, anchor="mm", align="center")
    draw.text((width / 2, height * 0.8), "this scene is missing", fill=_QUIET, font=small, anchor="mm")
    frame.write_bytes(card.tobytes())


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        image.alpha_composite(layer)
    elif image.mode.startswith("I"):
        # 16-bit grey; a plain conversion would cut it off at 255.
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    return ImageOps.pad(image.convert("RGB"), size, Image.Resampling.LANCZOS, color=(0, 0, 0))
