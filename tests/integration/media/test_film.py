"""Segments become one film with captions, poster and manifest; what is there is not made again."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import av
import pysubs2
import pytest
from PIL import Image

from storyjob.api.errors import FilmError
from storyjob.api.storyjob import Outputs
from storyjob.media.film import FilmMaker
from storyjob.media.layout import parse_uri
from storyjob.media.manifest import Facts
from storyjob.media.shot import Cut, Look, Shot
from support.media import clip, picture, sound
from support.shots import stored

LOOK = Look(width=128, height=72, fps=30)
FRAME = 1 / LOOK.fps
HERTZ = 8_000
TITLE = "The fox & the 'moon': part=1"


async def cut_of(maker: FilmMaker, shots: Sequence[Shot], look: Look = LOOK, title: str = TITLE) -> Cut:
    segments = [await maker.segment("team-a", shot, look) for shot in shots]
    return Cut(title, shots, segments, look)


async def three_scenes(maker: FilmMaker) -> list[Shot]:
    store = maker.store
    image = await stored(store, picture(), "image/png")
    voice = await stored(store, sound(1.5), "audio/mpeg", 1.5)
    video = await stored(store, clip(1.0), "video/mp4", 1.0)
    return [
        Shot("forest", 0, text="A small fox <looked> up & {up}.", image=image, audio=voice),
        Shot("lake", 1, image=image, video=video),
        Shot("ending", 2, text="The moon looked back.", audio=voice, placeholder=True),
    ]


async def read(maker: FilmMaker, uri: str) -> bytes:
    data = await maker.store.get(parse_uri(uri).key, max_bytes=1 << 30)
    assert data is not None
    return data


async def test_a_film_has_all_its_scenes(maker: FilmMaker) -> None:
    cut = await cut_of(maker, await three_scenes(maker))
    outputs = await maker.film("team-a", cut, Facts())
    assert outputs.film is not None
    data = await read(maker, outputs.film.uri)
    assert (outputs.film.sha256, outputs.film.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert outputs.film.duration_seconds == pytest.approx(1.75 + 1.0 + 1.75, abs=0.1)
    with av.open(io.BytesIO(data)) as container:
        assert [each.type for each in container.streams] == ["video", "audio", "subtitle"]
        assert container.metadata["title"] == TITLE
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == round(cut.seconds * LOOK.fps)
    # The index stands before the media, so that playing can start before all is there.
    assert data.index(b"moov") < data.index(b"mdat")


async def test_captions_and_poster_are_readable_by_others(maker: FilmMaker) -> None:
    outputs = await maker.film("team-a", await cut_of(maker, await three_scenes(maker)), Facts())
    assert outputs.subtitles is not None
    assert outputs.captions is not None
    assert outputs.poster is not None
    text = (await read(maker, outputs.subtitles.uri)).decode()
    lines = pysubs2.SSAFile.from_string(text, format_="srt", keep_html_tags=True)
    assert [(each.start, each.end, each.text) for each in lines] == [
        (0, 1500, "A small fox <looked> up & {up}."),
        (2767, 4267, "The moon looked back."),
    ]
    assert (await read(maker, outputs.captions.uri)).startswith(b"WEBVTT\n")
    with Image.open(io.BytesIO(await read(maker, outputs.poster.uri))) as poster:
        assert (poster.format, poster.size) == ("JPEG", (128, 72))


async def test_the_manifest_tells_what_the_film_is_made_of(maker: FilmMaker) -> None:
    link = "https://bucket.example/x?X-Amz-Signature=s3cret"
    facts = Facts(
        story={"uid": "u-1", "cost": {"spent": "0.05"}, "links": [link]},
        scenes={"forest": {"image": {"model": "flux", "cost": "0.025"}}},
    )
    shots = await three_scenes(maker)
    outputs = await maker.film("team-a", await cut_of(maker, shots), facts)
    assert outputs.manifest is not None
    data = await read(maker, outputs.manifest.uri)
    assert (outputs.manifest.sha256, outputs.manifest.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert b"s3cret" not in data
    told = json.loads(data)
    assert (told["version"], told["title"], told["facts"]["cost"]) == (1, TITLE, {"spent": "0.05"})
    assert outputs.film is not None
    assert told["film"]["sha256"] == outputs.film.sha256
    assert [(each["name"], each["placeholder"]) for each in told["scenes"]] == [
        ("forest", False),
        ("lake", False),
        ("ending", True),
    ]
    forest = told["scenes"][0]
    assert forest["facts"]["image"]["model"] == "flux"
    assert forest["image"]["sha256"] == hashlib.sha256(picture()).hexdigest()
    assert forest["image"]["uri"].startswith("s3://")
    assert forest["segment"]["uri"].endswith(f"{forest['segment']['hash']}.mp4")


async def test_a_film_that_is_there_is_not_made_again(maker: FilmMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = await cut_of(maker, await three_scenes(maker))
    first = await maker.film("team-a", cut, Facts())
    monkeypatch.setattr("storyjob.media.film.join", None)
    later = FilmMaker(maker.store, maker.workdir, maker.parallel, lambda: datetime(2030, 1, 1, tzinfo=UTC))
    assert await later.film("team-a", cut, Facts(story={"more": "facts"})) == first


async def test_an_edited_caption_renders_no_segment(maker: FilmMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    shots = await three_scenes(maker)
    before = await cut_of(maker, shots)
    first = await maker.film("team-a", before, Facts())

    async def refuse(*_: object) -> None:
        raise AssertionError("a segment was rendered again")

    monkeypatch.setattr("storyjob.media.segment._render", refuse)
    edited = [Shot("forest", 0, text="Another text.", image=shots[0].image, audio=shots[0].audio), *shots[1:]]
    after = await cut_of(maker, edited)
    assert after.segments == before.segments
    second = await maker.film("team-a", after, Facts())
    assert second.film is not None
    assert first.film is not None
    assert second.film.uri != first.film.uri


async def test_a_film_without_words_has_no_subtitle_track(maker: FilmMaker) -> None:
    image = await stored(maker.store, picture(), "image/png")
    outputs = await maker.film("team-a", await cut_of(maker, [Shot("a", 0, image=image, seconds=1.0)]), Facts())
    assert await tracks(maker, outputs) == ["video", "audio"]


async def tracks(maker: FilmMaker, outputs: Outputs) -> list[str]:
    assert outputs.film is not None
    with av.open(io.BytesIO(await read(maker, outputs.film.uri))) as container:
        return [each.type for each in container.streams]


async def test_sound_and_picture_stay_together_over_sixty_scenes(maker: FilmMaker) -> None:
    """Joining AAC segments by copying is off by 21 ms more after each scene; this is the test for it."""
    image = await stored(maker.store, picture(), "image/png")
    # 1.5 s and 0.25 s of silence, which is no whole number of AAC packets.
    voice = await stored(maker.store, sound(1.5, "wav"), "audio/wav", 1.5)
    count = 60
    cut = await cut_of(maker, [Shot(f"s{at}", at, image=image, audio=voice) for at in range(count)])
    outputs = await maker.film("team-a", cut, Facts())
    assert outputs.film is not None
    ends = tone_ends(await read(maker, outputs.film.uri))
    each = cut.segments[0].seconds
    assert len(ends) == count
    assert max(abs(end - (at * each + 1.5)) for at, end in enumerate(ends)) < FRAME


def tone_ends(data: bytes) -> list[float]:
    """Return when each tone ends, in seconds counted in samples, as a player's sound card does."""
    ends: list[float] = []
    position, loud = 0, False
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=HERTZ)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                samples = memoryview(part.planes[0]).cast("h")[: part.samples]
                is_loud = max(map(abs, samples)) > 500
                if loud and not is_loud:
                    ends.append(position / HERTZ)
                loud = is_loud
                position += part.samples
    return ends


async def test_a_segment_that_is_gone_is_named(maker: FilmMaker) -> None:
    cut = await cut_of(maker, await three_scenes(maker))
    await maker.store.delete(cut.segments[1].key)
    with pytest.raises(FilmError, match='scene "lake" is gone'):
        await maker.film("team-a", cut, Facts())


async def test_a_failed_film_leaves_no_manifest_and_no_files(maker: FilmMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = await cut_of(maker, await three_scenes(maker))

    async def cut_off(rough: object, captions: object, cut: object, film: Path) -> None:
        await asyncio.to_thread(film.write_bytes, clip(1.0)[:-3000])

    monkeypatch.setattr("storyjob.media.film.join", cut_off)
    with pytest.raises(FilmError, match=r"damaged|tracks"):
        await maker.film("team-a", cut, Facts())
    assert await maker.store.list_keys(f"{maker.store.config.prefix}/team-a/films/") == []
    assert not any(maker.workdir.glob("film-*"))
