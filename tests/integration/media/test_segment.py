"""A scene becomes a segment of exactly the right length, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from storyjob.api.errors import FilmError, OutputLost
from storyjob.media.film import FilmMaker
from storyjob.media.inputs import file_sha256
from storyjob.media.layout import Layout
from storyjob.media.segment import make_segment
from storyjob.media.shot import Look, Shot, StoredMedia, segment_hash
from storyjob.media.store import Store
from support.media import clip, picture, sound
from support.shots import stored

LOOK = Look(width=128, height=72, fps=30)
FRAME = 1 / LOOK.fps


@pytest.fixture
async def image(store: Store) -> StoredMedia:
    return await stored(store, picture(), "image/png")


@pytest.fixture
async def voice(store: Store) -> StoredMedia:
    return await stored(store, sound(1.5), "audio/mpeg", 1.5)


async def made(maker: FilmMaker, shot: Shot, look: Look = LOOK) -> Path:
    segment = await maker.segment("team-a", shot, look)
    path = maker.workdir / f"{segment.hash}.mp4"
    assert await maker.store.download(segment.key, path, max_bytes=1 << 30)
    return path


def streams(path: Path) -> dict[str, Any]:
    with av.open(path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        return {
            "codecs": (video.codec_context.name, audio.codec_context.name),
            "picture": (video.width, video.height, video.codec_context.pix_fmt, video.average_rate),
            "sar": video.sample_aspect_ratio,
            "ticks": video.time_base,
            "sound": (audio.rate, audio.layout.name),
            "header": video.codec_context.extradata,
            "lengths": [float(each.duration * each.time_base) for each in (video, audio)],
        }


def pixels(path: Path) -> list[tuple[int, int, int]]:
    """Return the colours at the left edge and in the middle of the last frame."""
    with av.open(path) as container:
        *_, last = container.decode(video=0)
        image = last.to_image()
        return [image.getpixel((2, image.height // 2)), image.getpixel((image.width // 2, image.height // 2))]


@pytest.mark.parametrize(
    ("narrated", "clipped", "seconds", "expected"),
    [
        pytest.param(True, False, None, 1.5 + 0.25, id="a narrated still lasts as long as its narration"),
        pytest.param(True, False, 9.0, 1.5 + 0.25, id="a narration wins over the seconds given"),
        pytest.param(False, False, 2.0, 2.0, id="a silent still lasts the seconds given"),
        pytest.param(False, False, None, 4.0, id="a silent still lasts four seconds"),
        pytest.param(False, True, None, 1.0, id="a clip lasts as long as it is"),
        pytest.param(True, True, None, 1.5 + 0.25, id="a clip is frozen until its narration ends"),
    ],
)
async def test_a_scene_lasts_as_long_as_what_it_shows_and_says(
    maker: FilmMaker,
    image: StoredMedia,
    voice: StoredMedia,
    narrated: bool,
    clipped: bool,
    seconds: float | None,
    expected: float,
) -> None:
    video = await stored(maker.store, clip(1.0), "video/mp4", 1.0) if clipped else None
    audio = voice if narrated else None
    path = await made(maker, Shot("a", 0, image=image, audio=audio, video=video, seconds=seconds))
    lengths = streams(path)["lengths"]
    assert lengths[0] == pytest.approx(expected, abs=FRAME)
    assert lengths[1] == pytest.approx(lengths[0], abs=1e-4)


async def test_all_kinds_of_scenes_come_out_alike(maker: FilmMaker, image: StoredMedia, voice: StoredMedia) -> None:
    store = maker.store
    tall = await stored(store, clip(0.5, size="36x64"), "video/mp4", 0.5)
    silent = await stored(store, clip(0.5, silent=True), "video/mp4", 0.5)
    foreign = await stored(store, clip(0.5, "webm"), "video/webm", 0.5)
    shots = [
        Shot("still", 0, image=image, audio=voice),
        Shot("clip", 1, video=tall, audio=voice),
        Shot("source", 2, source=foreign),
        Shot("silent", 3, source=silent),
        Shot("missing", 4, placeholder=True, seconds=0.5),
        Shot("grey", 5, image=await stored(store, picture(kind="JPEG"), "image/jpeg"), seconds=0.5),
    ]
    found = [streams(await made(maker, shot)) for shot in shots]
    for each in found:
        del each["lengths"]
    assert found == [found[0]] * len(shots)
    assert found[0]["codecs"] == ("h264", "alac")
    assert found[0]["picture"] == (128, 72, "yuv420p", 30)
    assert found[0]["sound"] == (48_000, "stereo")


async def test_pictures_are_fitted_and_never_stretched(maker: FilmMaker) -> None:
    square = await stored(maker.store, picture((40, 40), "red"), "image/png")
    edge, middle = pixels(await made(maker, Shot("still", 0, image=square, seconds=0.2)))
    assert max(edge) < 30
    assert middle[0] > 200
    tall = await stored(maker.store, clip(0.3, size="36x64"), "video/mp4", 0.3)
    assert max(pixels(await made(maker, Shot("clip", 0, video=tall)))[0]) < 30


async def test_a_clip_keeps_its_own_sound_when_nothing_is_said(maker: FilmMaker) -> None:
    source = await stored(maker.store, clip(0.5), "video/mp4", 0.5)
    with av.open(await made(maker, Shot("source", 0, source=source))) as container:
        loudest = max(
            abs(value) for frame in container.decode(audio=0) for value in memoryview(frame.planes[0]).cast("h")
        )
    assert loudest > 1000


async def test_two_runs_give_the_same_bytes(
    store: Store, image: StoredMedia, voice: StoredMedia, tmp_path: Path
) -> None:
    video = await stored(store, clip(1.0), "video/mp4", 1.0)
    for shot in (Shot("still", 0, image=image, audio=voice), Shot("clip", 0, video=video, audio=voice)):
        hashes = set()
        for _ in range(2):
            segment = await make_segment(store, Layout(store.config.prefix, "team-a"), shot, LOOK, tmp_path)
            await store.download(segment.key, tmp_path / "made", max_bytes=1 << 30)
            hashes.add(await asyncio.to_thread(file_sha256, tmp_path / "made"))
            await store.delete(segment.key)
        assert len(hashes) == 1


async def test_nothing_is_rendered_twice(
    maker: FilmMaker, image: StoredMedia, voice: StoredMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    shot = Shot("a", 0, text="hello", image=image, audio=voice)
    first = await maker.segment("team-a", shot, LOOK)
    monkeypatch.setenv("FFMPEG", "/nowhere")
    # Neither another name nor another place in the story renders it again.
    assert await maker.segment("team-a", replace(shot, name="b", index=7), LOOK) == first
    other = await stored(maker.store, picture(colour="red"), "image/png")
    assert segment_hash(replace(shot, image=other), LOOK) != first.hash
    assert first.seconds == pytest.approx(1.75, abs=FRAME)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(None, 'scene "a": .* no longer in the bucket', id="gone"),
        pytest.param(b"other bytes", 'scene "a": .* changed from outside', id="changed"),
    ],
)
async def test_inputs_that_are_not_what_was_stored_are_refused(
    maker: FilmMaker, image: StoredMedia, data: bytes | None, reason: str
) -> None:
    if data is None:
        await maker.store.delete(image.key)
    else:
        await maker.store.put(image.key, data, content_type="image/png")
    with pytest.raises(FilmError, match=reason) as refused:
        await maker.segment("team-a", Shot("a", 0, image=image), LOOK)
    assert isinstance(refused.value, OutputLost) == (data is None)
    assert await asyncio.to_thread(lambda: list(maker.workdir.iterdir())) == []
