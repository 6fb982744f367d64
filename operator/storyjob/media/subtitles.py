"""Writes cues as SRT and WebVTT. By hand: pysubs2 reads ``{…}`` and ``<…>`` in a narration as markup and drops it."""

from __future__ import annotations

from collections.abc import Sequence

from storyjob.media.captions import Cue, wrapped


def srt(cues: Sequence[Cue]) -> str:
    """Return the cues as SubRip text."""
    blocks = (
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{wrapped(cue.text)}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(blocks)


def vtt(cues: Sequence[Cue]) -> str:
    """Return the cues as WebVTT, https://www.w3.org/TR/webvtt1/."""
    blocks = (f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{_escaped(cue.text)}\n" for cue in cues)
    return "\n".join(["WEBVTT\n", *blocks])


def _time(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{point}{rest:03d}"


def _escaped(text: str) -> str:
    # An escaped ">" also keeps "-->" out, which would begin another cue.
    return wrapped(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
