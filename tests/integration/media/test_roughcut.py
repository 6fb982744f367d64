"""A film put together as its scenes come is the one that is made at once; and nothing of it stays."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from storyjob.api.errors import FilmError
from storyjob.media.ffmpeg import find_ffmpeg
from storyjob.media.film import FilmMaker
from storyjob.media.layout import parse_uri
from storyjob.media.manifest import Facts
from storyjob.media.roughcut import Piece, RoughCut
from storyjob.media.shot import SAMPLE_RATE, Cut, Look, Segment, Shot
from support.media import picture, sound
from support.shots import stored

LOOK = Look(width=128, height=72, fps=30)
SECONDS = (0.5, 0.7, 1.1)


async def a_cut(maker: FilmMaker) -> Cut:
    voices = [await stored(maker.store, sound(seconds), "audio/mpeg", seconds) for seconds in SECONDS]
    shots = [Shot(f"scene-{place}", place, text="Once", audio=voice) for place, voice in enumerate(voices)]
    return Cut("Once", shots, [await maker.segment("team-a", shot, LOOK) for shot in shots], LOOK)


def scenes_of(cut: Cut) -> list[tuple[str, Segment]]:
    return [(shot.name, segment) for shot, segment in zip(cut.shots, cut.segments, strict=True)]


@pytest.mark.parametrize("held", [1, 2, 3])
async def test_begun_early_it_gives_the_very_same_film(maker: FilmMaker, held: int) -> None:
    cut = await a_cut(maker)
    at_once = await maker.film("team-a", cut, Facts())
    assert at_once.manifest is not None
    await maker.store.delete(parse_uri(at_once.manifest.uri).key)
    scenes = scenes_of(cut)

    begun = await maker.rough_cut(scenes[:1])
    if held > 1:
        begun = await maker.rough_cut(scenes[1:held], begun)
    early = await maker.film("team-a", cut, Facts(), begun)

    assert early.film == at_once.film


async def test_what_was_begun_for_another_film_is_not_used(maker: FilmMaker) -> None:
    cut = await a_cut(maker)
    at_once = await maker.film("team-a", cut, Facts())
    assert at_once.manifest is not None
    await maker.store.delete(parse_uri(at_once.manifest.uri).key)

    begun = await maker.rough_cut(scenes_of(cut)[2:])

    assert (await maker.film("team-a", cut, Facts(), begun)).film == at_once.film


async def test_it_is_as_long_as_its_scenes_to_the_sample(maker: FilmMaker) -> None:
    cut = await a_cut(maker)
    track = await maker.rough_cut(scenes_of(cut))
    track.finish([])
    with av.open(str(track.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.codec_context.sample_rate) == ("aac", SAMPLE_RATE)
        length = float((stream.duration or 0) * (stream.time_base or 0))
    assert length == pytest.approx(cut.seconds, abs=2 / SAMPLE_RATE)


def another_encoder(tmp_path: Path, *options: str) -> Path:
    """Return a red segment of one second by an encoder that writes other parameters than ours."""
    path = tmp_path / "other.mp4"
    size = f"{LOOK.width}x{LOOK.height}"
    sources = [
        "-f",
        "lavfi",
        "-i",
        f"color=red:s={size}:r={LOOK.fps}:d=1",
        "-f",
        "lavfi",
        "-i",
        f"sine=r={SAMPLE_RATE}:d=1",
    ]
    codecs = ["-c:v", "libx264", "-pix_fmt", "yuv420p", *options, "-c:a", "alac", "-sample_fmt", "s16p", "-ac", "2"]
    subprocess.run([find_ffmpeg(), "-v", "error", *sources, *codecs, str(path)], check=True)
    return path


@pytest.mark.parametrize("options", [(), ("-bf", "0"), ("-profile:v", "baseline"), ("-g", "10", "-refs", "5")])
async def test_no_frame_is_lost_between_segments_of_different_encoders(
    maker: FilmMaker, tmp_path: Path, options: tuple[str, ...]
) -> None:
    cut, ours = await a_cut(maker), tmp_path / "ours.mp4"
    assert await maker.store.download(cut.segments[0].key, ours, max_bytes=1 << 20)
    other = another_encoder(tmp_path, *options)
    rough = RoughCut(tmp_path)
    rough.finish([Piece("ours", ours), Piece("other", other), Piece("ours", ours)])

    own, red = round(cut.segments[0].seconds * LOOK.fps), LOOK.fps
    with av.open(str(rough.path)) as container:
        shown = list(container.decode(video=0))
        assert [round((frame.time or 0) * LOOK.fps, 3) for frame in shown] == list(range(own + red + own))
    reds = [bytes(frame.reformat(format="rgb24").planes[0])[0] > 200 for frame in shown]
    assert reds == [False] * own + [True] * red + [False] * own


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b"no film at all"), id="no film"),
        pytest.param(lambda path: shutil.copy(Path(__file__), path), id="a text"),
        pytest.param(lambda path: path.unlink(), id="nothing"),
    ],
)
def test_a_segment_that_cannot_be_read_is_told(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    segment = tmp_path / "segment.mp4"
    segment.touch()
    spoil(segment)
    with pytest.raises(FilmError, match="the film cannot take up a segment"):
        RoughCut(tmp_path).add([Piece("hash", segment)])


def opened() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/dev/fd"))


async def test_its_files_go_with_it_and_nothing_stays_open(maker: FilmMaker, tmp_path: Path) -> None:
    cut, segment = await a_cut(maker), tmp_path / "segment.mp4"
    assert await maker.store.download(cut.segments[0].key, segment, max_bytes=1 << 20)
    folder, before = tmp_path / "rough", opened()
    folder.mkdir()
    rough = RoughCut(folder)
    rough.add([Piece("hash", segment)])
    assert opened() > before, "it has begun to be written"
    assert len(list(folder.iterdir())) == 1
    del rough
    gc.collect()
    assert list(folder.iterdir()) == []
    assert opened() == before


async def test_a_film_of_a_single_frame_has_a_poster(maker: FilmMaker) -> None:
    image = await stored(maker.store, picture(), "image/png")
    look, shot = Look(width=128, height=72, fps=1, still_seconds=1.0), Shot("once", 0, image=image)
    cut = Cut("Once", [shot], [await maker.segment("team-a", shot, look)], look)
    made = await maker.film("team-a", cut, Facts())
    assert made.poster is not None
    assert made.poster.bytes > 0
