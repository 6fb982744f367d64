"""Bounds that regular expressions spell, counted out."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from storyjob.api.storyjob import Film
from storyjob.api.wishes import AudioRequest, ImageRequest
from storyjob.reconcile.shots import look_of


def is_taken(resolution: str) -> bool:
    try:
        Film(resolution=resolution)
    except ValidationError:
        return False
    return True


def test_a_side_is_even_and_from_16_to_7680() -> None:
    taken = [side for side in range(10_000) if is_taken(f"{side}x720")]

    assert taken == [side for side in range(16, 7681, 2)]
    assert all(is_taken(f"720x{side}") for side in (16, 7680))
    assert not any(is_taken(word) for word in ("720x15", "720x7682", "0720x720", "720X720", "720", "720x720x720"))


def test_the_film_maker_takes_every_resolution_that_the_api_takes() -> None:
    for resolution in ("16x7680", "7680x16"):
        look = look_of(Film(resolution=resolution))
        assert f"{look.width}x{look.height}" == resolution


@pytest.mark.parametrize("words", ["", " ", "\n\t", "\u00a0", "\u2003"], ids=ascii)
def test_words_are_more_than_white_space(words: str) -> None:
    with pytest.raises(ValidationError):
        AudioRequest(text=words)
    with pytest.raises(ValidationError):
        ImageRequest(prompt=words)
