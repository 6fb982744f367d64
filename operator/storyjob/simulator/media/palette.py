"""The times of day a picture can be painted in."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one light."""

    sky_top: Colour
    sky_middle: Colour
    sky_low: Colour
    near: Colour
    """The hills in front; those behind fade into the low sky."""
    lamp: Colour
    """The sun or the moon."""
    night: bool


_PALETTES = {
    "night": Palette((9, 14, 42), (28, 45, 96), (96, 118, 168), (10, 18, 38), (250, 244, 220), night=True),
    "moonrise": Palette((22, 18, 58), (74, 52, 116), (206, 132, 150), (22, 16, 42), (255, 240, 210), night=True),
    "aurora": Palette((6, 22, 44), (16, 74, 92), (106, 178, 160), (6, 26, 38), (240, 250, 236), night=True),
    "dawn": Palette((92, 128, 186), (242, 178, 160), (255, 224, 178), (54, 58, 92), (255, 250, 226), night=False),
    "day": Palette((74, 144, 206), (142, 196, 230), (226, 240, 238), (34, 84, 74), (255, 252, 232), night=False),
    "sunset": Palette((58, 52, 108), (222, 102, 92), (255, 194, 116), (44, 26, 54), (255, 238, 190), night=False),
    "meadow": Palette((102, 170, 196), (186, 220, 206), (250, 238, 196), (46, 92, 62), (255, 250, 220), night=False),
}
_WORDS = {
    "moon": ("night", "moonrise"),
    "night": ("night", "moonrise", "aurora"),
    "star": ("night", "aurora"),
    "dream": ("moonrise", "aurora"),
    "snow": ("aurora", "dawn"),
    "morning": ("dawn",),
    "dawn": ("dawn",),
    "sunset": ("sunset",),
    "evening": ("sunset", "moonrise"),
    "dusk": ("sunset", "moonrise"),
    "fire": ("sunset",),
    "sun": ("meadow", "day", "dawn"),
    "day": ("day", "meadow"),
    "meadow": ("meadow",),
    "garden": ("meadow",),
}


def choose_palette(text: str, draw: random.Random) -> Palette:
    """Return the light that a prompt's words suggest, else any."""
    words = words_of(text)
    fitting = next((names for word, names in _WORDS.items() if word in words), tuple(_PALETTES))
    return _PALETTES[draw.choice(fitting)]


def words_of(text: str) -> frozenset[str]:
    """Return the words of a prompt in lower case, without the s of a plural."""
    return frozenset(word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower()))


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """Return a colour between two; ``part`` 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue
