"""Decides when which words are shown: narrations cut into readable cues. Pure."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from storyjob.api.outcome import Alignment

# Two lines of 42 characters, and at least 0.8 s to read them: what broadcasters ask for.
LINE_LENGTH = 42
CUE_LENGTH = 2 * LINE_LENGTH
MIN_CUE_MS = 800
_SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*$")
_CLAUSE_END = re.compile(r"[,;:–—、，；：]+[\"'”’»)\]]*$")
# What may be broken off a text: a word with the space after it, or one character of a script without spaces.
_WIDE = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_UNIT = re.compile(rf"[{_WIDE}]\s*|[^\s{_WIDE}]{{1,{CUE_LENGTH}}}\s*|\s+")


@dataclass(frozen=True, slots=True)
class Cue:
    """Text shown from ``start`` to ``end``, in whole milliseconds of the film."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Narration:
    """What is said, from when to when (seconds of the film), and when each character is, if that is known."""

    text: str
    start: float
    seconds: float
    alignment: Alignment | None = None


def cues(narrations: Sequence[Narration]) -> list[Cue]:
    """Return the cues of a film: in order, never overlapping, holding every word exactly once."""
    return [cue for narration in narrations for cue in _cues(narration)]


def _cues(narration: Narration) -> list[Cue]:
    text = clean(narration.text)
    start, length = round(narration.start * 1000), round(narration.seconds * 1000)
    if not text or length < 1:
        return []
    pieces = split(text, most=max(1, length // MIN_CUE_MS))
    times = _aligned(text, pieces, narration.alignment, length) or _proportional(pieces, length)
    return [
        Cue(start + begin, start + end, piece.strip())
        for piece, (begin, end) in zip(pieces, itertools.pairwise(times), strict=True)
    ]


def clean(text: str) -> str:
    """Return the text as it is shown: one space for any run of white space, no control characters."""
    printable = "".join(each if each.isspace() or _visible(each) else "" for each in text)
    return " ".join(printable.split())


def split(text: str, *, most: int) -> list[str]:
    """Cut a text into at most ``most`` readable pieces that joined give the text again."""
    length = max(CUE_LENGTH, -(-len(text) // most))
    pieces = _cut(text, length)
    while len(pieces) > most:
        length += max(1, length // 8)
        pieces = _cut(text, length)
    return pieces


def _cut(text: str, length: int) -> list[str]:
    pieces: list[str] = []
    units: list[str] = []
    size = 0
    for unit in _UNIT.findall(text):
        if units and size + len(unit.rstrip()) > length:
            keep = _best_break(units)
            pieces.append("".join(units[:keep]))
            units = units[keep:]
            size = sum(map(len, units))
        units.append(unit)
        size += len(unit)
    return [*pieces, "".join(units)]


def _best_break(units: Sequence[str]) -> int:
    """Return after how many units to break: at a sentence's or a clause's end if that is not too early."""
    earliest = max(1, len(units) // 2)
    for pattern, first in ((_SENTENCE_END, max(1, len(units) // 4)), (_CLAUSE_END, earliest)):
        for count in range(len(units), first - 1, -1):
            if pattern.search(units[count - 1].rstrip()):
                return count
    return len(units)


def _proportional(pieces: Sequence[str], length: int) -> list[int]:
    # A short piece still takes a breath to say, and a moment to read.
    weights = [len(piece) + 8 for piece in pieces]
    times = [0, *(round(length * done / sum(weights)) for done in itertools.accumulate(weights))]
    if _readable(times):
        return times
    return [length * count // len(pieces) for count in range(len(pieces) + 1)]


def _aligned(text: str, pieces: Sequence[str], alignment: Alignment | None, length: int) -> list[int] | None:
    """Return when each piece begins, and the end; ``None`` when the alignment does not fit the text."""
    if alignment is None or len(alignment.characters) != len(alignment.starts):
        return None
    if not all(map(math.isfinite, alignment.starts)):
        return None
    # Providers count white space in their own ways, so only what is seen is compared.
    spoken = [
        (character, start)
        for characters, start in zip(alignment.characters, alignment.starts, strict=True)
        for character in characters
        if not character.isspace() and _visible(character)
    ]
    if "".join(character for character, _ in spoken) != "".join(text.split()):
        return None
    seen = [len("".join(piece.split())) for piece in pieces]
    firsts = [0, *itertools.accumulate(seen)][:-1]
    times = [0, *(round(spoken[first][1] * 1000) for first in firsts[1:]), length]
    return times if _readable(times) else None


def _readable(times: Sequence[int]) -> bool:
    return all(later - earlier >= 1 for earlier, later in itertools.pairwise(times))


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Cn"}


def wrapped(text: str) -> str:
    """Return the cue's text in lines of about equal length."""
    if len(text) <= LINE_LENGTH:
        return text
    lines = -(-len(text) // LINE_LENGTH)
    spaces = [at for at, character in enumerate(text) if character == " "]
    cuts: list[int] = []
    for line in range(1, lines):
        wanted = len(text) * line // lines
        near = spaces[max(0, bisect_left(spaces, wanted) - 1) :][:2]
        cut = min(near, key=lambda at: abs(at - wanted), default=None)
        if cut is not None and cut not in cuts:
            cuts.append(cut)
    return "".join("\n" if at in cuts else character for at, character in enumerate(text))
