"""Paints land: hills that fade into the distance, trees, water that mirrors the sky."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from storyjob.simulator.media.palette import Palette, mix, words_of

_SMOOTH = 2  # outlines are drawn this much larger and then shrunk
_WATER_WORDS = frozenset(
    {"lake", "sea", "river", "water", "ocean", "mirrored", "pond", "shore", "boat", "harbour", "wave", "island"}
)
_WOOD_WORDS = frozenset({"forest", "wood", "tree", "pine", "jungle"})
_SHORE = 0.66  # of the height
Ridge = Callable[[float], float]


def paint_land(picture: Image.Image, text: str, palette: Palette, lamp: int, draw: random.Random) -> None:
    """Paint hills onto a sky, back to front; ``lamp`` is where a shine lies on the water."""
    words = words_of(text)
    water = not words.isdisjoint(_WATER_WORDS)
    trees = draw.choice((0.0, 0.35, 0.6)) if words.isdisjoint(_WOOD_WORDS) else 1.0
    layers = draw.randrange(3, 5)
    for number in range(layers):
        depth = number / layers
        base = 0.46 + (0.18 if water else 0.26) * depth
        _hill(picture, palette, _ridge(draw, base, 0.10 - 0.045 * depth), depth, trees * depth, draw)
    if water:
        _water(picture, palette, lamp, draw)
    _hill(picture, palette, _ridge(draw, 0.84, 0.03), 1.0, max(trees, 0.2), draw)


def _ridge(draw: random.Random, base: float, swing: float) -> Ridge:
    """Return a hill's outline: heights from the top, 0 to 1, over 0 to 1."""
    waves = [(draw.uniform(0.5, 1.4) * 2**n, draw.uniform(0, math.tau), 0.5**n) for n in range(5)]

    def height(x: float) -> float:
        return base + swing * sum(part * math.sin(math.tau * often * x + shift) for often, shift, part in waves)

    return height


def _hill(
    picture: Image.Image, palette: Palette, ridge: Ridge, depth: float, trees: float, draw: random.Random
) -> None:
    width, height = picture.size
    outline = Image.new("L", (width * _SMOOTH, height * _SMOOTH))
    pen = ImageDraw.Draw(outline)
    steps = 160
    line = [(outline.width * n / steps, outline.height * ridge(n / steps)) for n in range(steps + 1)]
    pen.polygon([(0, outline.height), *line, (outline.width, outline.height)], fill=255)
    if trees:
        _conifers(pen, outline.size, ridge, trees, depth, draw)
    top = min(y for _, y in line) / outline.height
    colour = mix(mix(palette.sky_low, palette.sky_middle, 0.35), palette.near, 0.25 + 0.75 * depth)
    mist = mix(colour, palette.sky_low, 0.55 * (1 - depth))
    shade = Image.new("RGB", picture.size, colour)
    slope = ImageOps.colorize(Image.linear_gradient("L"), colour, mist).resize((width, max(round(height * 0.4), 1)))
    shade.paste(slope, (0, round(height * top)))
    picture.paste(shade, mask=outline.resize(picture.size, Image.Resampling.BOX))


def _conifers(
    pen: ImageDraw.ImageDraw, size: tuple[int, int], ridge: Ridge, trees: float, depth: float, draw: random.Random
) -> None:
    width, height = size
    groves = [(draw.random(), draw.uniform(0.05, 0.16)) for _ in range(draw.randrange(2, 5))]
    for _ in range(round(90 * trees)):
        middle, spread = draw.choice(groves)
        at = draw.gauss(middle, spread)
        tall = height * draw.uniform(0.03, 0.075) * (0.6 + depth)
        x, foot = at * width, ridge(at) * height + tall * 0.15
        for tier in range(4):
            low = foot - tall * tier * 0.22
            half = tall * (0.26 - 0.055 * tier)
            pen.polygon([(x - half, low), (x + half, low), (x, low - tall * 0.42)], fill=255)


def _water(picture: Image.Image, palette: Palette, lamp: int, draw: random.Random) -> None:
    width, height = picture.size
    shore = round(height * _SHORE)
    deep = height - shore
    mirrored = (
        ImageOps.flip(picture.crop((0, 0, width, shore))).resize((width, round(shore * 0.8))).crop((0, 0, width, deep))
    )
    mirrored = ImageEnhance.Brightness(mirrored.filter(ImageFilter.GaussianBlur(1.2))).enhance(0.82)
    strip = max(height // 240, 1)
    phase = draw.uniform(0, math.tau)
    for top in range(0, deep, strip):
        # Waves grow towards the viewer.
        shift = round(math.sin(top * 0.35 + phase) * math.sin(top * 0.11) * (1 + 10 * top / deep) * width / 1280)
        row = mirrored.crop((0, top, width, min(top + strip, deep)))
        picture.paste(row, (0, shore + top))
        picture.paste(row, (shift, shore + top))
    _glints(picture, palette, shore, lamp, draw)


def _glints(picture: Image.Image, palette: Palette, shore: int, lamp: int, draw: random.Random) -> None:
    width, height = picture.size
    layer = Image.new("L", picture.size)
    pen = ImageDraw.Draw(layer)
    for number in range(330):
        far = draw.random() ** 1.3
        y = shore + far * (height - shore)
        half = width * draw.uniform(0.004, 0.02) * (0.3 + far)
        # Most of them make the path of light under the sun or the moon.
        path = number % 3 > 0
        x = draw.gauss(lamp, width * (0.012 + 0.03 * far)) if path else draw.uniform(0, width)
        light = draw.randrange(70, 190) if path else draw.randrange(15, 60)
        pen.line((x - half, y, x + half, y), fill=light, width=max(1, round(height / 450)))
    picture.paste(mix(palette.lamp, palette.sky_low, 0.25), mask=layer.filter(ImageFilter.GaussianBlur(0.8)))
