"""Writes the prompt onto a picture, so that everybody sees which wish it answers."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from storyjob.simulator.media.typeface import Typeface, choose_typeface

_MARGIN = 0.06  # of the width
_ROOM = 0.34  # of the height that text may take
_SIZES = (0.056, 0.048, 0.041, 0.035, 0.03, 0.025)  # of the shorter side, tried from large to small
_SMALLEST = 11  # pixels
_LEADING = 1.32


def write_caption(picture: Image.Image, text: str, note: str) -> None:
    """Write a text over the lower part, as large as fits, and a small note into the upper corner."""
    width, height = picture.size
    if text.strip():
        typeface, shown = choose_typeface(" ".join(text.split()))
        font, lines = _fit(shown, typeface, picture.size)
        step = round(font.size * _LEADING)
        top = height - step * len(lines) - round(height * 0.05)
        _darken(picture, max(top - step, 0))
        for number, line in enumerate(lines):
            _write(picture, (round(width * _MARGIN), top + number * step), line, font)
    typeface, shown = choose_typeface(note)
    small = typeface.at(max(round(min(width, height) * 0.022), 9))
    left = round(width * (1 - _MARGIN / 2) - small.getlength(shown))
    _write(picture, (left, round(height * 0.03)), shown, small, strength=150)


def wrap(text: str, font: ImageFont.FreeTypeFont, room: float) -> list[str]:
    """Break a text into lines no wider than ``room`` pixels; words too long are cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _cut(word, font, room)
        lines += full
    return [*lines, line] if line else lines


def _cut(word: str, font: ImageFont.FreeTypeFont, room: float) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and font.getlength(parts[-1] + letter) > room:
            parts.append("")
        parts[-1] += letter
    return parts


def _fit(text: str, typeface: Typeface, size: tuple[int, int]) -> tuple[ImageFont.FreeTypeFont, list[str]]:
    width, height = size
    room = width * (1 - 2 * _MARGIN)
    for part in _SIZES:
        font = typeface.at(max(round(min(width, height) * part), _SMALLEST))
        lines = wrap(text, font, room)
        most = max(int(height * _ROOM / (font.size * _LEADING)), 1)
        if len(lines) <= most:
            return font, lines
    return font, [*lines[: most - 1], lines[most - 1] + " …"]


def _darken(picture: Image.Image, top: int) -> None:
    """Let the ground behind the text fade into the dark."""
    width, height = picture.size
    fade = Image.linear_gradient("L").resize((width, max(height - top, 1)))
    picture.paste((8, 10, 22), (0, top), fade.point([min(200, value) for value in range(256)]))


def _write(
    picture: Image.Image, at: tuple[int, int], text: str, font: ImageFont.FreeTypeFont, strength: int = 245
) -> None:
    layer = Image.new("L", picture.size)
    ImageDraw.Draw(layer).text(at, text, fill=strength, font=font)
    shadow = layer.filter(ImageFilter.GaussianBlur(max(font.size / 9, 1)))
    picture.paste((5, 7, 18), (0, max(round(font.size / 16), 1)), shadow)
    picture.paste((255, 253, 246), mask=layer)
