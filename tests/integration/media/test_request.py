"""A film that is made on request, by a process of its own, is the film that would have been made here."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storyjob.api.errors import FilmError
from storyjob.api.outcome import Alignment
from storyjob.media.film import FilmMaker
from storyjob.media.layout import FilmFile, Layout
from storyjob.media.manifest import Facts
from storyjob.media.record import Record, RecordedAlignment, write_record
from storyjob.media.request import FilmRequest, make_film, read_request, write_request
from storyjob.media.segment import segment_of
from storyjob.media.shot import Cut, Look, Shot, film_hash
from storyjob.media.store import Store
from support.media import picture, sound
from support.shots import stored

LOOK = Look(width=64, height=36, fps=10)
NARRATION = hashlib.sha256(b"what was asked for").hexdigest()
FIRST, SECOND = (
    "A small fox sat on the very top of a green hill and looked up. ",
    "The big moon looked back for a long time.",
)
TEXT = FIRST + SECOND
# Quickly the first sentence, after a pause the second one.
STARTS = [n * 0.01 for n in range(len(FIRST))] + [1.25 + n * 0.005 for n in range(len(SECOND))]
SPOKEN = RecordedAlignment(characters=list(TEXT), starts=STARTS, ends=[start + 0.005 for start in STARTS])
SPOKEN_ALIGNMENT = Alignment(tuple(SPOKEN.characters), tuple(SPOKEN.starts), tuple(SPOKEN.ends))


@pytest.fixture
def layout(store: Store) -> Layout:
    return Layout(store.config.prefix, "team-a")


async def a_request(store: Store, layout: Layout, title: str = "The moon") -> FilmRequest:
    """Return the request for a film of two scenes, of which nothing is rendered yet."""
    image, voice = await stored(store, picture(), "image/png"), await stored(store, sound(1.6), "audio/mpeg", 1.6)
    record = Record(
        key=layout.media(NARRATION, NARRATION, "mp3"),
        sha256=voice.sha256,
        bytes=1,
        content_type="audio/mpeg",
        alignment=SPOKEN,
        provider="elevenlabs",
        model="m",
        token_hash=NARRATION,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    await write_record(store, layout.record(NARRATION), record)
    shots = [Shot("forest", 0, text=TEXT, image=image, audio=voice), Shot("lake", 1, image=image, seconds=0.5)]
    cut = Cut(title, shots, [segment_of(layout, shot, LOOK) for shot in shots], LOOK)
    return FilmRequest(
        "team-a", cut, Facts({"name": "fox"}, {"lake": {"image": {"cost": "0.1"}}}), {"forest": NARRATION}
    )


async def test_a_request_comes_back_as_it_was(store: Store, layout: Layout) -> None:
    request = await a_request(store, layout)
    sha256 = await write_request(store, layout, request)

    assert await read_request(store, layout, film_hash(request.cut), sha256) == request


async def test_it_is_the_very_same_film(store: Store, layout: Layout, maker: FilmMaker, tmp_path: Path) -> None:
    request = await a_request(store, layout)
    made = await make_film(maker, request)
    digest = film_hash(request.cut)
    captions = await store.get(layout.film(digest, FilmFile.CAPTIONS_VTT))
    # Made anew, as the operator itself does: segments first, with what is known of the words.
    for file in FilmFile:
        await store.delete(layout.film(digest, file))
    for segment in request.cut.segments:
        await store.delete(segment.key)
    shots = [
        replace(shot, audio=shot.audio and replace(shot.audio, alignment=SPOKEN_ALIGNMENT))
        for shot in request.cut.shots
    ]
    segments = [await maker.segment("team-a", shot, LOOK) for shot in shots]
    again = await maker.film("team-a", Cut("The moon", shots, segments, LOOK), request.facts)

    for one, other in ((made.film, again.film), (made.poster, again.poster), (made.captions, again.captions)):
        assert one == other
    assert captions is not None
    assert b"00:00:01.250 --> " in captions, "the second sentence begins when it is spoken"


async def test_what_is_rendered_already_is_not_rendered_again(
    store: Store, layout: Layout, maker: FilmMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await make_film(maker, await a_request(store, layout))
    monkeypatch.setenv("FFMPEG", "/nowhere/ffmpeg")

    assert await make_film(maker, await a_request(store, layout)) == made


async def test_a_request_that_was_changed_is_refused(store: Store, layout: Layout) -> None:
    request = await a_request(store, layout)
    film, sha256 = film_hash(request.cut), await write_request(store, layout, request)
    await store.put(layout.film_request(film, sha256), b"{}", content_type="application/json")

    with pytest.raises(FilmError, match="changed from outside"):
        await read_request(store, layout, film, sha256)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b'{"version": 2}', "of another version of the operator", id="of a later version"),
        pytest.param(b"no JSON", "of another version of the operator", id="no request at all"),
        pytest.param(None, "no longer in the bucket", id="gone"),
    ],
)
async def test_a_request_that_cannot_be_read_is_refused(
    store: Store, layout: Layout, data: bytes | None, words: str
) -> None:
    sha256, film = hashlib.sha256(data or b"").hexdigest(), NARRATION
    if data is not None:
        await store.put(layout.film_request(film, sha256), data, content_type="application/json")

    with pytest.raises(FilmError, match=words):
        await read_request(store, layout, film, sha256)


async def test_a_request_for_another_film_is_refused(store: Store, layout: Layout) -> None:
    request = await a_request(store, layout)
    sha256 = await write_request(store, layout, request)
    data = await store.get(layout.film_request(film_hash(request.cut), sha256))
    assert data is not None
    await store.put(layout.film_request(NARRATION, sha256), data, content_type="application/json")

    with pytest.raises(FilmError, match="must be of one version"):
        await read_request(store, layout, NARRATION, sha256)


async def test_a_scene_that_cannot_be_rendered_is_named(store: Store, layout: Layout, tmp_path: Path) -> None:
    request = await a_request(store, layout)
    image = request.cut.shots[1].image
    assert image is not None
    await store.delete(image.key)
    maker = FilmMaker(store, tmp_path, asyncio.Semaphore(1))

    with pytest.raises(FilmError, match=r'scene "(forest|lake)": .* is no longer in the bucket'):
        await make_film(maker, request)
