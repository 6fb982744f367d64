"""A film's sound, encoded as its scenes come, is the one that is encoded at once; and nothing of it stays."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from storyjob.api.errors import FilmError
from storyjob.media.film import FilmMaker
from storyjob.media.layout import parse_uri
from storyjob.media.manifest import Facts
from storyjob.media.shot import SAMPLE_RATE, Cut, Look, Segment, Shot
from storyjob.media.soundtrack import Heard, Soundtrack
from support.media import sound
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

    begun = await maker.sound(scenes[:1])
    if held > 1:
        begun = await maker.sound(scenes[1:held], begun)
    early = await maker.film("team-a", cut, Facts(), begun)

    assert early.film == at_once.film


async def test_what_was_begun_for_another_film_is_not_used(maker: FilmMaker) -> None:
    cut = await a_cut(maker)
    at_once = await maker.film("team-a", cut, Facts())
    assert at_once.manifest is not None
    await maker.store.delete(parse_uri(at_once.manifest.uri).key)

    begun = await maker.sound(scenes_of(cut)[2:])

    assert (await maker.film("team-a", cut, Facts(), begun)).film == at_once.film


async def test_it_is_as_long_as_its_scenes_to_the_sample(maker: FilmMaker) -> None:
    cut = await a_cut(maker)
    track = await maker.sound(scenes_of(cut))
    track.finish([])
    with av.open(str(track.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.codec_context.sample_rate) == ("aac", SAMPLE_RATE)
        length = float((stream.duration or 0) * (stream.time_base or 0))
    assert length == pytest.approx(cut.seconds, abs=2 / SAMPLE_RATE)


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
    with pytest.raises(FilmError, match="the sound of a segment cannot be read"):
        Soundtrack(tmp_path).add([Heard("hash", segment)])


def test_its_file_goes_with_it(tmp_path: Path) -> None:
    track = Soundtrack(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    del track
    gc.collect()
    assert list(tmp_path.iterdir()) == []
