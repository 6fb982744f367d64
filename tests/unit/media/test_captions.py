"""Cues are in order, never overlap and hold every word exactly once."""

from __future__ import annotations

import io
import itertools

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.outcome import Alignment
from storyjob.media.captions import CUE_LENGTH, Cue, Narration, clean, cues, split, wrapped
from storyjob.media.subtitles import srt, vtt

SENTENCE = "A small fox looked up at the moon, and the moon looked back. "
WORDS = st.text(max_size=400) | st.lists(st.text(min_size=1, max_size=120), max_size=40).map(" ".join)
LENGTHS = st.floats(min_value=0.0, max_value=120.0)


def letters(text: str) -> str:
    return "".join(text.split())


def aligned(text: str, seconds: float) -> Alignment:
    step = seconds / max(1, len(text))
    starts = tuple(step * at for at in range(len(text)))
    return Alignment(tuple(text), starts, tuple(start + step for start in starts))


@given(st.lists(st.tuples(WORDS, LENGTHS, st.booleans()), max_size=5))
def test_cues_are_ordered_and_hold_every_word(scenes: list[tuple[str, float, bool]]) -> None:
    narrations, start = [], 0.0
    for text, seconds, knows in scenes:
        alignment = aligned(text, seconds) if knows else None
        narrations.append(Narration(text, start, seconds, alignment))
        start += seconds + 0.25
    made = cues(narrations)
    assert all(cue.start < cue.end and cue.text for cue in made)
    assert all(earlier.end <= later.start for earlier, later in itertools.pairwise(made))
    said = "".join(letters(clean(each.text)) for each in narrations if round(each.seconds * 1000) >= 1)
    assert letters("".join(cue.text for cue in made)) == said


@given(WORDS.map(clean), st.integers(1, 50))
def test_pieces_joined_give_the_text_again(text: str, most: int) -> None:
    pieces = split(text, most=most)
    assert "".join(pieces) == text
    assert len(pieces) <= most


@given(WORDS.map(clean))
def test_wrapping_only_breaks_lines(text: str) -> None:
    assert wrapped(text).replace("\n", " ") == text


def test_a_long_narration_is_cut_into_readable_cues() -> None:
    made = cues([Narration(SENTENCE * 6, 10.0, 30.0)])
    assert [cue.text for cue in made] == [SENTENCE.strip()] * 6
    assert (made[0].start, made[-1].end) == (10_000, 40_000)
    assert all(len(cue.text) <= CUE_LENGTH for cue in made)


def test_scripts_without_spaces_are_cut_too() -> None:
    made = cues([Narration("小さな狐が丘の上の月を見上げた。" * 20, 0.0, 60.0)])
    assert len(made) > 2
    assert all(len(cue.text) <= CUE_LENGTH for cue in made)


def test_the_providers_own_times_are_used() -> None:
    text = SENTENCE * 2
    spoken = aligned(text, 2.0)
    # All of the first sentence within 2 s, then silence, then the second from 8 s on.
    starts = tuple(start if at < len(SENTENCE) else 8.0 + start for at, start in enumerate(spoken.starts))
    made = cues([Narration(text, 5.0, 12.0, Alignment(spoken.characters, starts, starts))])
    assert [(cue.start, cue.end) for cue in made] == [(5000, 14_000), (14_000, 17_000)]


@pytest.mark.parametrize(
    "alignment",
    [
        pytest.param(aligned("something else", 3.0), id="of another text"),
        pytest.param(Alignment(("A",), (), ()), id="without times"),
        pytest.param(Alignment(tuple(SENTENCE * 2), (9.0,) * 124, (9.0,) * 124), id="all at once, too late"),
    ],
)
def test_times_that_do_not_fit_are_not_believed(alignment: Alignment) -> None:
    text = SENTENCE * 2
    assert cues([Narration(text, 0.0, 8.0, alignment)]) == cues([Narration(text, 0.0, 8.0)])


MARKUP = [Cue(0, 900, "if a < b & {c} then <i>d</i> --> e"), Cue(1000, 3_661_001, "the end")]


def test_srt_is_read_by_others_as_it_was_meant() -> None:
    read = pysubs2.SSAFile.from_string(srt(MARKUP), format_="srt", keep_html_tags=True)
    assert [(each.start, each.end, each.text) for each in read] == [(cue.start, cue.end, cue.text) for cue in MARKUP]


def test_vtt_keeps_what_looks_like_markup_as_text() -> None:
    text = vtt(MARKUP)
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.900\n")
    assert "if a &lt; b &amp; {c} then &lt;i&gt;d&lt;/i&gt; --&gt; e" in text
    assert text.count("-->") == 2
    assert [each.start for each in pysubs2.SSAFile.from_file(io.StringIO(text))] == [0, 1000]
