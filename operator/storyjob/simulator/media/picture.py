"""Paints the picture of a wish: the same prompt and seed give the same picture."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageFilter

from storyjob.simulator.job import Wish
from storyjob.simulator.media.caption import write_caption
from storyjob.simulator.media.land import paint_land
from storyjob.simulator.media.palette import choose_palette
from storyjob.simulator.media.sky import paint_sky

_PAPER = 256  # pixels of the tile of paper grain
_BLOTCH = 64  # pixels


def paint(wish: Wish, index: int = 0) -> Image.Image:
    """Return an RGB picture of ``wish.width`` by ``wish.height`` with the prompt written on it."""
    # Not for secrets: the same wish shall look the same.
    draw = random.Random(f"{wish.text}/{wish.seed}/{index}")  # noqa: S311
    palette = choose_palette(wish.text, draw)
    picture, lamp = paint_sky((wish.width, wish.height), palette, draw)
    paint_land(picture, wish.text, palette, lamp, draw)
    picture = _on_paper(picture, draw)
    write_caption(picture, wish.text, f"{wish.model.rpartition('/')[2]} · seed {wish.seed}")
    return picture


def _on_paper(picture: Image.Image, draw: random.Random) -> Image.Image:
    """Lay the grain and the blotches of watercolour paper over a picture."""
    tile = Image.frombytes("L", (_PAPER, _PAPER), draw.randbytes(_PAPER * _PAPER))
    coarse = picture.width // _BLOTCH + 2, picture.height // _BLOTCH + 2
    blotches = tile.crop((0, 0, *coarse)).resize(picture.size, Image.Resampling.BICUBIC)
    grain = Image.new("L", picture.size)
    fine = tile.filter(ImageFilter.GaussianBlur(0.7))
    for x in range(0, picture.width, _PAPER):
        for y in range(0, picture.height, _PAPER):
            grain.paste(fine, (x, y))
    calm = [128 + (value - 128) // 7 for value in range(256)]
    for layer in (blotches, grain):
        flat = layer.point(calm)
        picture = ImageChops.soft_light(picture, Image.merge("RGB", (flat, flat, flat)))
    return picture
