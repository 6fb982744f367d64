"""Encodes a film's sound scene by scene in their order, while later scenes are still being bought.

All scenes are one stream of AAC: each piece of its own would begin with a priming frame (`render.py`). When the last
scene comes, only that scene is left to do.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from storyjob.api.errors import FilmError
from storyjob.media.shot import SAMPLE_RATE

_BITS_A_SECOND = 160_000
# The fast coder takes a third less time, and at this rate nobody hears which it was.
_CODER = {"aac_coder": "fast"}
_TICK = Fraction(1, SAMPLE_RATE)


class Heard(NamedTuple):
    """A scene as it is heard: the hash of its segment, and the segment's file."""

    hash: str
    path: Path


class Soundtrack:
    """The sound of a film, which grows at its end, in a file that goes with it. Methods block; one at a time."""

    def __init__(self, workdir: Path) -> None:
        """Begin one. Raises ``FilmError``, as where the disk is full."""
        self.scenes: list[str] = []
        """Hashes of the segments that are in it."""
        self._samples = 0
        with _told("cannot be begun"):
            file, name = tempfile.mkstemp(dir=workdir, prefix="sound-", suffix=".m4a")
            os.close(file)
            self.path = Path(name)
            """Where it is; whole once it is finished."""
            weakref.finalize(self, self.path.unlink, missing_ok=True)
            self._container = av.open(name, "w", format="mp4")
            self._stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", options=_CODER)
        self._stream.bit_rate = _BITS_A_SECOND
        self._stream.codec_context.thread_count = 1

    def begins(self, scenes: Sequence[str]) -> bool:
        """Whether it can become the sound of these, given by their hashes: as long as they begin with all it holds."""
        return self.scenes == list(scenes[: len(self.scenes)])

    def add(self, scenes: Sequence[Heard]) -> None:
        """Add what comes next. Raises ``FilmError``; it is of no use then."""
        for scene in scenes:
            with _told("of a segment cannot be read"):
                self._add(scene.path)
            self.scenes.append(scene.hash)

    def finish(self, scenes: Sequence[Heard]) -> None:
        """Add the last scenes and write the end. Raises ``FilmError``."""
        self.add(scenes)
        with _told("cannot be written"):
            self._encode(None)
            self._container.close()

    def close(self) -> None:
        """Let go of the encoder and the file of one that is not wanted any more."""
        with contextlib.suppress(FFmpegError, OSError):
            self._container.close()
        self.path.unlink(missing_ok=True)

    def _add(self, segment: Path) -> None:
        with av.open(str(segment), "r", format="mov") as source:
            for frame in source.decode(audio=0):
                frame.pts, frame.time_base = self._samples, _TICK
                self._samples += frame.samples
                self._encode(frame)

    def _encode(self, frame: AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (FFmpegError, OSError, ValueError, IndexError) as error:
        raise FilmError(f"the sound {what}: {error}") from error
