"""Chooses a font for a text, and what of the text it can show."""

from __future__ import annotations

import functools
import string
import unicodedata

from PIL import ImageFont

# What the font that comes with Pillow can show.
_OWN = frozenset(string.ascii_letters + string.digits + string.punctuation + " «»°±´·©‘’“”…‹›⁄")
# Names that Pillow looks up in the system's font folders.
_SYSTEM_FONTS = ("NotoSansCJK-Regular.ttc", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf")


class Typeface:
    """A font in all sizes."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def at(self, pixels: int) -> ImageFont.FreeTypeFont:
        """Return the font in one size."""
        return _load(self._name, pixels)


def choose_typeface(text: str) -> tuple[Typeface, str]:
    """Return a font and the text as it can be written with it: with no font at hand, without its accents."""
    if _OWN.issuperset(text):
        return Typeface(None), text
    name = _system_font()
    if name is not None:
        return Typeface(name), text
    plain = unicodedata.normalize("NFKD", text.replace("—", "-").replace("–", "-"))
    kept = (letter for letter in plain if not unicodedata.combining(letter))
    return Typeface(None), "".join(letter if letter in _OWN else "?" for letter in kept)


@functools.cache
def _system_font() -> str | None:
    for name in _SYSTEM_FONTS:
        try:
            ImageFont.truetype(name, 12)
        except OSError:
            continue
        return name
    return None


@functools.lru_cache(maxsize=64)
def _load(name: str | None, pixels: int) -> ImageFont.FreeTypeFont:
    if name is not None:
        return ImageFont.truetype(name, pixels)
    font = ImageFont.load_default(pixels)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font
