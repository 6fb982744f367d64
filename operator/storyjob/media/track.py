"""Reads every packet of a sound or video file, to know how long it really is and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from storyjob.api.errors import MediaError
from storyjob.media.sniff import HEAD_BYTES, MP3, WAV, MediaType

# An hour of sound in the smallest usual packets has under a million.
MAX_PACKETS = 2_000_000
# Encoder padding and rounding make honest files differ from their index by less than this.
_TOLERANCE_SECONDS = 0.3
_TOLERANCE_PART = 0.02
_STREAMED_WAV = 0x7FFF_F000


@dataclass(frozen=True, slots=True)
class Measured:
    """What the packets say. ``seconds`` is the length of the longest track."""

    seconds: float
    width: int | None
    height: int | None
    has_audio: bool
    has_video: bool


class _Track:
    """One sound or picture track while it is read."""

    def __init__(self, stream: AudioStream | VideoStream) -> None:
        self.kind = stream.type
        self.seconds_per_tick = float(stream.time_base or 0)
        self.claimed = (stream.duration or 0) * self.seconds_per_tick
        self.start: int | None = None
        self.end = 0
        self.decoded = False
        self.corrupt = False
        stream.codec_context.thread_count = 1

    @property
    def seconds(self) -> float:
        return 0.0 if self.start is None else max(0.0, (self.end - self.start) * self.seconds_per_tick)

    def add(self, packet: Packet[Stream]) -> None:
        self.corrupt = self.corrupt or packet.is_corrupt
        # One frame proves that it can be decoded. The last, empty packet brings out those held back.
        self.decoded = self.decoded or _decodes(packet)
        if packet.pts is not None:
            self.start = packet.pts if self.start is None else min(self.start, packet.pts)
            self.end = max(self.end, packet.pts + (packet.duration or 0))


def measure(path: Path, media_type: MediaType, *, max_pixels: int) -> Measured:
    """Read the file to its end. Blocks. Raises ``MediaError`` when it is damaged or cut off."""
    try:
        with path.open("rb") as file, av.open(file, "r", format=media_type.reader) as container:
            streams = _streams(container)
            width, height = _picture_size(streams, max_pixels)
            tracks = _read(container, streams)
            _claim_for_all(tracks, container.duration)
    except (FFmpegError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"the {media_type.content_type} is damaged or cut off: {reason}") from error
    trusts_index = _trusts_index(path, media_type)
    for track in tracks:
        _check_whole(track, trusts_index)
    return Measured(
        seconds=max((track.seconds for track in tracks), default=0.0),
        width=width,
        height=height,
        has_audio=any(track.kind == "audio" for track in tracks),
        has_video=any(track.kind == "video" for track in tracks),
    )


def _streams(container: InputContainer) -> list[AudioStream | VideoStream]:
    streams: list[AudioStream | VideoStream] = [*container.streams.audio, *container.streams.video]
    found = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    # What the stubs deny: without a decoder for its codec, or without any headers, a stream has no context.
    if any(cast("object", stream.codec_context) is None for stream in found):
        raise MediaError("it is damaged or cut off, or made with a codec that is not known here")
    return found


def _read(container: InputContainer, streams: Sequence[AudioStream | VideoStream]) -> list[_Track]:
    tracks = {stream.index: _Track(stream) for stream in streams}
    for packet in _packets(container):
        if track := tracks.get(packet.stream_index):
            track.add(packet)
    return list(tracks.values())


def _decodes(packet: Packet[Stream]) -> bool:
    try:
        return bool(packet.decode())
    except FFmpegError:
        # Streams that were cut out of longer ones may begin with frames that need what went before.
        return False


def _packets(container: InputContainer) -> Iterator[Packet[Stream]]:
    for count, packet in enumerate(container.demux()):
        if count > MAX_PACKETS:
            raise MediaError(f"it has more than {MAX_PACKETS} packets")
        yield packet


def _check_whole(track: _Track, trusts_index: bool) -> None:
    if track.corrupt and trusts_index:
        raise MediaError(f"the {track.kind} is cut off in the middle of a packet", retryable=True)
    if track.start is not None and not track.decoded:
        raise MediaError(f"the {track.kind} cannot be decoded")
    claimed = track.claimed if trusts_index else 0.0
    if claimed - track.seconds > _TOLERANCE_SECONDS + claimed * _TOLERANCE_PART:
        raise MediaError(
            f"the {track.kind} is cut off: {track.seconds:.1f} s of {claimed:.1f} s are there", retryable=True
        )


def _claim_for_all(tracks: Sequence[_Track], duration: int | None) -> None:
    """Where only the container claims a length (Matroska), hold its longest track to that."""
    if duration and tracks and not any(track.claimed for track in tracks):
        max(tracks, key=lambda track: track.seconds).claimed = duration / av.time_base


def _picture_size(streams: Sequence[AudioStream | VideoStream], max_pixels: int) -> tuple[int | None, int | None]:
    for stream in streams:
        if isinstance(stream, VideoStream):
            if stream.width * stream.height > max_pixels:
                raise MediaError(f"the video has {stream.width}x{stream.height} pixels; at most {max_pixels}")
            return stream.width, stream.height
    return None, None


def _trusts_index(path: Path, media_type: MediaType) -> bool:
    """Say whether the claimed length comes from an index and not from a guess over the bit rate."""
    if media_type.reader == "aac":
        return False
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES * 4)
    if media_type is MP3:
        return b"Xing" in head or b"Info" in head
    if media_type is WAV:
        # Written as a stream, its length was not known and stands there as the largest number.
        at = head.find(b"data") + len(b"data")
        return int.from_bytes(head[at : at + 4], "little") < _STREAMED_WAV
    return True
