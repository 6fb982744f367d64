"""The pure parts of making media."""

from __future__ import annotations

import pytest

from storyjob.api.step import StepKind
from storyjob.simulator.media.audio_format import parse_format
from storyjob.simulator.media.caption import wrap
from storyjob.simulator.media.espeak import align
from storyjob.simulator.media.typeface import Typeface, choose_typeface
from storyjob.simulator.settings import Settings, price


def test_characters_are_spread_between_the_starts_of_words() -> None:
    alignment = align("ab cd", [(0, 0.0), (3, 0.9)], 1.5)
    assert alignment.characters == tuple("ab cd")
    assert alignment.starts == (0.0, 0.3, 0.6, 0.9, 1.2)
    assert alignment.ends == (0.3, 0.6, 0.9, 1.2, 1.5)


def test_positions_that_make_no_sense_are_left_out() -> None:
    alignment = align("abcd", [(0, 0.0), (9, 0.5), (2, 5.0)], 1.0)
    assert alignment.starts == (0.0, 0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    "text", ["mp3", "mp3_44100", "mp3_1_128", "mp3_44100_999", "pcm_44100_128", "vorbis_44100", ""]
)
def test_unknown_audio_formats(text: str) -> None:
    with pytest.raises(ValueError, match="is not known"):
        parse_format(text)


def test_audio_format() -> None:
    audio = parse_format("mp3_22050_32")
    assert (audio.content_type, audio.extension) == ("audio/mpeg", "mp3")
    assert audio.arguments[-4:] == ("-ar", "22050", "-b:a", "32k")


def test_lines_fit_and_nothing_is_lost() -> None:
    font = Typeface(None).at(20)
    text = "A small fox on a hill under a big moon, " + "x" * 60
    lines = wrap(text, font, 200)
    assert all(font.getlength(line) <= 200 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_text_in_plain_letters_uses_the_font_that_is_always_there() -> None:
    _, shown = choose_typeface("A fox’s “moon” …")
    assert shown == "A fox’s “moon” …"


def test_without_a_system_font_accents_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storyjob.simulator.media.typeface._system_font", lambda: None)
    assert choose_typeface("Füchsin — 月")[1] == "Fuchsin - ?"


@pytest.mark.parametrize(
    ("kind", "text", "seconds", "usd"),
    [
        pytest.param(StepKind.IMAGE, "a fox", 3.0, "0.025", id="image"),
        pytest.param(StepKind.VIDEO, "a fox", 8.0, "0.40", id="clip"),
        pytest.param(StepKind.AUDIO, "x" * 100, 6.0, "0.00300", id="speech by its characters"),
        pytest.param(StepKind.AUDIO, "x", 0.5, "0.00003", id="speech takes half a second at least"),
    ],
)
def test_durations_and_prices(kind: StepKind, text: str, seconds: float, usd: str) -> None:
    assert Settings().job_seconds(kind, text) == pytest.approx(seconds)
    assert str(price(kind, text)) == usd


def test_the_webhook_secret_never_shows_and_suits_replicates_client() -> None:
    settings = Settings()
    assert settings.webhook_secret not in repr(settings)
    assert settings.webhook_secret.count("_") == 1
