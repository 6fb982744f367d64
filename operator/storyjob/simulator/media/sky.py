"""Paints skies: gradients, stars, the sun or the moon, clouds."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from storyjob.simulator.media.palette import Palette, mix

_SMOOTH = 4  # discs are drawn this much larger and then shrunk, since Pillow draws hard edges


def paint_sky(size: tuple[int, int], palette: Palette, draw: random.Random) -> tuple[Image.Image, int]:
    """Return a sky with all that shines in it, and how far from the left the sun or the moon stands."""
    width, height = size
    gradient = Image.linear_gradient("L").resize(size)
    picture = ImageOps.colorize(gradient, palette.sky_top, palette.sky_low, palette.sky_middle, midpoint=120)
    if palette.night:
        _stars(picture, draw)
    centre = round(width * draw.uniform(0.2, 0.8)), round(height * draw.uniform(0.16, 0.3))
    _lamp(picture, palette, centre, round(min(size) * draw.uniform(0.07, 0.11)))
    _clouds(picture, palette, draw)
    return picture, centre[0]


def _stars(picture: Image.Image, draw: random.Random) -> None:
    width, height = picture.size
    layer = Image.new("L", picture.size)
    pen = ImageDraw.Draw(layer)
    for _ in range(width * height // 5000):
        x, y = draw.randrange(width), round(height * 0.7 * draw.random() ** 1.4)
        radius = draw.choice((0.4, 0.6, 0.6, 1.0)) * height / 720
        light = round(255 * draw.uniform(0.25, 0.95) * (1 - y / height))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    picture.paste((255, 252, 240), mask=layer)


def _lamp(picture: Image.Image, palette: Palette, centre: tuple[int, int], radius: int) -> None:
    glow = ImageOps.invert(Image.radial_gradient("L")).resize((radius * 9, radius * 9))
    # Squared, for the light shall fall off quickly and end before the square does.
    glow = ImageChops.multiply(glow, glow).point([max(0, value - 24) * 3 // 4 for value in range(256)])
    corner = centre[0] - glow.width // 2, centre[1] - glow.height // 2
    picture.paste(palette.lamp, corner, glow)
    side = radius * 2
    disc = Image.new("L", (side * _SMOOTH, side * _SMOOTH))
    ImageDraw.Draw(disc).ellipse((0, 0, side * _SMOOTH - 1, side * _SMOOTH - 1), fill=255)
    face = Image.new("RGB", disc.size, palette.lamp)
    if palette.night:
        _craters(face, palette)
    face = face.resize((side, side), Image.Resampling.LANCZOS)
    disc = disc.resize((side, side), Image.Resampling.LANCZOS)
    picture.paste(face, (centre[0] - radius, centre[1] - radius), disc)


def _craters(face: Image.Image, palette: Palette) -> None:
    side = face.width
    layer = Image.new("L", face.size)
    pen = ImageDraw.Draw(layer)
    for x, y, radius in (
        (0.34, 0.36, 0.13),
        (0.6, 0.3, 0.08),
        (0.56, 0.6, 0.16),
        (0.3, 0.66, 0.07),
        (0.74, 0.52, 0.06),
    ):
        box = ((x - radius) * side, (y - radius) * side, (x + radius) * side, (y + radius) * side)
        pen.ellipse(box, fill=110)
    layer = layer.filter(ImageFilter.GaussianBlur(side * 0.02))
    face.paste(mix(palette.lamp, palette.sky_middle, 0.5), mask=layer)


def _clouds(picture: Image.Image, palette: Palette, draw: random.Random) -> None:
    width, height = picture.size
    small = Image.new("L", (max(width // 4, 1), max(height // 4, 1)))
    pen = ImageDraw.Draw(small)
    for _ in range(draw.randrange(3, 7)):
        x, y = small.width * draw.uniform(-0.1, 1.1), small.height * draw.uniform(0.08, 0.5)
        for _ in range(draw.randrange(4, 9)):
            wide, high = small.width * draw.uniform(0.04, 0.14), small.height * draw.uniform(0.008, 0.03)
            dx, dy = small.width * draw.uniform(-0.12, 0.12), small.height * draw.uniform(-0.02, 0.02)
            pen.ellipse((x + dx - wide, y + dy - high, x + dx + wide, y + dy + high), fill=draw.randrange(40, 110))
    soft = small.filter(ImageFilter.GaussianBlur(small.width / 90)).resize(picture.size, Image.Resampling.BICUBIC)
    picture.paste(mix(palette.sky_low, palette.lamp, 0.5), mask=soft)
