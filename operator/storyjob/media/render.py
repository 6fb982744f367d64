"""The one recipe by which every segment is encoded, so that segments can be joined without encoding again.

Sound is ALAC, lossless, inside a segment and becomes AAC in one stream over all of them (`roughcut.py`): AAC begins
with a priming frame, and joining 60 AAC segments by copying was measured to shift the sound by 2.3 s. (FLAC in MP4
takes ffmpeg six times the processor time to join, for reasons of its own.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storyjob.media.ffmpeg import INPUT
from storyjob.media.shot import SAMPLE_RATE, Look
from storyjob.media.sniff import by_content_type

_THREADS = "2"
_KEY_FRAME_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """The picture of a segment: a clip with its content type, or one raw frame when that is ``None``."""

    path: Path
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The sound of a segment. ``path`` may be the clip itself."""

    path: Path
    content_type: str


def segment_arguments(seen: Seen, heard: Heard | None, look: Look, frame_count: int, output: Path) -> list[str]:
    """Return ffmpeg's arguments for one segment of exactly ``frame_count`` frames, sound included."""
    samples = round(frame_count * SAMPLE_RATE / look.fps)
    picture = _still(look) if seen.content_type is None else _clip(look)
    graph = f"[0:v:0]{picture}[v];[1:a:0]{_sound(samples)}[a]"
    return [
        *_picture_input(seen, look),
        *_sound_input(heard),
        *("-filter_threads", "1", "-filter_complex_threads", "1", "-filter_complex", graph),
        *("-map", "[v]", "-map", "[a]", "-map_metadata", "-1", "-map_chapters", "-1"),
        *("-frames:v", str(frame_count)),
        *_video_codec(look),
        *("-c:a", "alac", "-sample_fmt", "s16p"),
        *("-bitexact", "-f", "mp4", str(output)),
    ]


def _picture_input(seen: Seen, look: Look) -> list[str]:
    if seen.content_type is None:
        size, rate = f"{look.width}x{look.height}", str(look.fps)
        raw = ("-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", size, "-framerate", rate)
        return ["-threads", "1", *INPUT, *raw, "-i", str(seen.path)]
    return ["-threads", "1", *_input(seen.path, seen.content_type)]


def _sound_input(heard: Heard | None) -> list[str]:
    if heard is None:
        return ["-f", "lavfi", "-i", f"anullsrc=r={SAMPLE_RATE}:cl=stereo"]
    return ["-vn", *_input(heard.path, heard.content_type)]


def _input(path: Path, content_type: str) -> list[str]:
    media_type = by_content_type(content_type)
    if media_type is None:
        raise ValueError(f"{content_type} is not a type that we store")
    return [*INPUT, "-f", media_type.reader, "-i", str(path)]


def _still(look: Look) -> str:
    # Converted once and repeated; looping the input would decode and convert it for every frame.
    return (
        f"scale=out_color_matrix=bt709:out_range=tv,setsar=1,format=yuv420p,"
        f"loop=loop=-1:size=1:start=0,setpts=N/({look.fps}*TB)"
    )


def _clip(look: Look) -> str:
    size = f"{look.width}:{look.height}"
    return (
        f"scale={size}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bicubic"
        f":out_color_matrix=bt709:out_range=tv,"
        f"pad={size}:-1:-1:color=black,setsar=1,format=yuv420p,fps={look.fps}:start_time=0,"
        f"tpad=stop=-1:stop_mode=clone"
    )


def _sound(samples: int) -> str:
    return (
        f"aresample={SAMPLE_RATE}:async=1:first_pts=0,aformat=sample_fmts=s16p:channel_layouts=stereo,"
        f"apad=whole_len={samples},atrim=end_sample={samples}"
    )


def _video_codec(look: Look) -> list[str]:
    interval = str(look.fps * _KEY_FRAME_SECONDS)
    colours = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
    return [
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-profile:v", "high"),
        *("-threads:v", _THREADS, "-g", interval, "-keyint_min", interval, "-sc_threshold", "0"),
        *("-pix_fmt", "yuv420p", *colours, "-video_track_timescale", str(look.fps * 512)),
    ]
