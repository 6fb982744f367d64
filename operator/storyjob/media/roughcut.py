"""Puts a film together scene by scene in their order, while later scenes are still being bought.

The picture is copied. The sound is encoded, that of all scenes as one stream of AAC: each piece of its own would begin
with a priming frame (`render.py`). So when the last scene comes, only that one is left to do.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from storyjob.api.errors import FilmError
from storyjob.media.layout import FilmFile
from storyjob.media.shot import SAMPLE_RATE

_BITS_A_SECOND = 160_000
# The fast coder takes a third less time, and at this rate nobody hears which it was.
_CODER = {"aac_coder": "fast"}
_TICK = Fraction(1, SAMPLE_RATE)
# Each key frame brings its parameters along, so that segments of different encoders follow upon one another.
_IN_BAND = "h264_mp4toannexb"


class Piece(NamedTuple):
    """A scene as it is in the film: the hash of its segment, and the segment's file."""

    hash: str
    path: Path


class RoughCut:
    """A film that grows at its end, in a folder that goes with it. Methods block; one at a time."""

    def __init__(self, workdir: Path) -> None:
        """Begin one. Raises ``FilmError``, as where the disk is full."""
        self.scenes: list[str] = []
        """Hashes of the segments that are in it."""
        self._tracks: _Tracks | None = None
        with _told("cannot be begun"):
            folder = Path(tempfile.mkdtemp(dir=workdir, prefix="cut-"))
        self.path = folder / "rough.mp4"
        """Where it is; whole once it is finished."""
        self.poster = folder / FilmFile.POSTER
        """Room for the film's poster, which needs no more than the first scene."""
        self._opened: list[OutputContainer] = []
        # Nothing else closes what PyAV opened. It must not be closed while a thread writes to it; that thread keeps us.
        self._let_go = weakref.finalize(self, _let_go, folder, self._opened)

    @property
    def bytes(self) -> int:
        """How much of the disk it takes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begins(self, scenes: Sequence[str]) -> bool:
        """Whether it can become the film of these, given by their hashes: as long as they begin with all it holds."""
        return self.scenes == list(scenes[: len(self.scenes)])

    def add(self, pieces: Sequence[Piece]) -> None:
        """Add what comes next. Raises ``FilmError``; it is of no use then."""
        for piece in pieces:
            with _told("cannot take up a segment"), av.open(str(piece.path), "r", format="mov") as source:
                picture, sound = source.streams.video[0], source.streams.audio[0]
                self._tracks = self._tracks or _Tracks(self._open(), picture)
                self._tracks.add(source.demux(picture, sound), BitStreamFilterContext(_IN_BAND, picture))
            self.scenes.append(piece.hash)

    def finish(self, pieces: Sequence[Piece]) -> None:
        """Add the last scenes and write the end. Raises ``FilmError``."""
        self.add(pieces)
        with _told("cannot be written"):
            if self._tracks is not None:
                self._tracks.end()

    def close(self) -> None:
        """Let go of the encoder and the files of one that is not wanted any more, and that nobody works at."""
        self._let_go()

    def _open(self) -> OutputContainer:
        self._opened.append(container := av.open(str(self.path), "w", format="mp4"))
        return container


class _Tracks:
    """The picture and the sound in one file, both without a gap from scene to scene."""

    def __init__(self, container: OutputContainer, picture: VideoStream) -> None:
        self.container = container
        self._picture = self.container.add_stream_from_template(picture)
        BitStreamFilterContext(_IN_BAND, picture, self._picture)  # says in the file's head how the frames are written
        self._sound: AudioStream = self.container.add_stream(
            "aac", rate=SAMPLE_RATE, layout="stereo", options=dict(_CODER)
        )
        self._sound.bit_rate = _BITS_A_SECOND
        self._sound.codec_context.thread_count = 1
        self._seconds, self._samples = Fraction(0), 0
        self._decoded = Fraction(-1 << 20)

    def add(self, packets: Iterator[Packet[Any]], in_band: BitStreamFilterContext) -> None:
        begin = end = self._seconds
        for packet in packets:
            if isinstance(packet.stream, AudioStream):
                for frame in packet.stream.decode(packet):
                    frame.pts, frame.time_base = self._samples, _TICK
                    self._samples += frame.samples
                    self._encode(frame)
            elif packet.pts is not None:  # the last one is empty
                for shown in in_band.filter(packet):
                    end = max(end, self._show(shown, begin))
        self._seconds = end

    def end(self) -> None:
        self._encode(None)
        self.container.close()

    def _show(self, packet: Packet[Any], begin: Fraction) -> Fraction:
        """Put a frame ``begin`` later than it is in its segment; return when it ends."""
        if packet.pts is None or packet.dts is None or not packet.duration:
            raise ValueError("a frame does not say when it is shown")
        base = packet.time_base
        offset = round(begin / base)
        # Encoders that look ahead by more frames begin earlier, while the segment before is not decoded yet.
        decoded = max(packet.dts + offset, math.floor(self._decoded / base) + 1)
        packet.stream, packet.pts, packet.dts = self._picture, packet.pts + offset, decoded
        end, self._decoded = (packet.pts + packet.duration) * base, decoded * base
        self.container.mux(packet)
        return end

    def _encode(self, frame: AudioFrame | None) -> None:
        for packet in self._sound.encode(frame):
            self.container.mux(packet)


def _let_go(folder: Path, opened: Sequence[OutputContainer]) -> None:
    for container in opened:
        with contextlib.suppress(FFmpegError, OSError):
            container.close()
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (FFmpegError, OSError, ValueError, IndexError) as error:
        raise FilmError(f"the film {what}: {error}") from error
