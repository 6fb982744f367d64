"""Segments and the rough cut are made while the story runs, the film when all is there, and nothing twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from storyjob.api.errors import FilmError
from storyjob.api.storyjob import Outputs, StoryJob, StoryJobStatus
from storyjob.media.shot import Look, Segment, Shot, StoredMedia, segment_hash
from storyjob.planning.plan import StoryPlan
from storyjob.reconcile import inprocess
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.filmrunner import FilmOrder
from storyjob.reconcile.inprocess import InProcess
from storyjob.reconcile.tasks import Tasks
from storyjob.reconcile.traffic import Traffic
from storyjob.reconcile.world import World
from support.builders import NOW, a_hash, a_story

LOOK = Look()
STORY = a_story(name="fox")


@dataclass(eq=False)
class Rough:
    """A rough cut, as far as its scenes go."""

    scenes: list[str]
    bytes: int = 1000
    closed: bool = False

    def close(self) -> None:
        self.closed = True

    def begins(self, scenes: list[str]) -> bool:
        return self.scenes == scenes[: len(self.scenes)]


@dataclass
class Maker:
    """Makes everything at once and notes what; where it is blunt, no rough cut."""

    blunt: bool = False
    grown: list[list[str]] = field(default_factory=list)
    films: list[tuple[list[str], list[str] | None]] = field(default_factory=list)
    lent: list[Rough] = field(default_factory=list)

    async def segment(self, namespace: str, shot: Shot, look: Look) -> Segment:
        digest = segment_hash(shot, look)
        return Segment(f"segments/{digest}.mp4", digest, 1.0)

    async def rough_cut(self, scenes: list[tuple[str, Segment]], begun: Rough | None) -> Rough:
        self.grown.append([name for name, _ in scenes])
        if self.blunt:
            raise FilmError("it cannot be cut")
        return Rough([*(begun.scenes if begun else ()), *(segment.hash for _, segment in scenes)])

    async def film(self, namespace: str, cut: Any, facts: object, begun: Rough | None) -> Outputs:
        names = {segment.hash: shot.name for shot, segment in zip(cut.shots, cut.segments, strict=True)}
        held = None if begun is None else [names.get(digest, "?") for digest in begun.scenes]
        if begun is not None:
            self.lent.append(begun)
        self.films.append(([shot.name for shot in cut.shots], held))
        return Outputs()


class Place:
    """As much of the world as making films needs."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.desk, self.tasks = maker, Desk(NOW), Tasks()
        self.traffic = Traffic()
        self.runner = InProcess(cast("Any", maker))

    def enqueue(self, *what: object) -> None:
        """Nobody looks again by himself here."""

    async def look(self, *names: str, name: str | None = None, story: StoryJob = STORY, look: Look = LOOK) -> None:
        """Look at a story of which these scenes are complete until nothing more follows."""
        self.desk.film(story.metadata.uid)
        shots = [shot(each) for each in names]
        for _ in range(3):
            self.runner.go_on(cast("World", self), FilmOrder(story, StoryPlan([]), shots, look, name, 0))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not len(self.tasks)


def shot(name: str) -> Shot:
    """Return scene number so and so, as "2" or, edited, "2 anew"."""
    image = StoredMedia(f"media/{name}", a_hash(name), "image/png")
    return Shot(name, int(name[0]), image=image, seconds=1.0)


async def test_the_rough_cut_grows_with_the_scenes_and_the_film_takes_it() -> None:
    place = Place(maker := Maker())
    await place.look("0")
    await place.look("0", "1", "3")
    await place.look("0", "1", "2", "3", name="film")
    assert maker.grown == [["0"], ["1"]], "after a gap nothing is known of when a scene begins"
    assert maker.films[0] == (["0", "1", "2", "3"], ["0", "1"])
    assert [rough.closed for rough in maker.lent] == [True], "its encoder and its file are let go of"


async def test_an_edited_scene_begins_the_rough_cut_anew() -> None:
    place = Place(maker := Maker())
    await place.look("0", "1")
    await place.look("0 anew", "1", "2")
    assert maker.grown == [["0", "1"], ["0 anew", "1", "2"]]


async def test_a_rough_cut_that_cannot_be_made_is_tried_once_and_left_to_the_film() -> None:
    place = Place(maker := Maker(blunt=True))
    await place.look("0")
    await place.look("0", "1")
    await place.look("0", "1", name="film")
    assert maker.grown == [["0"]]
    assert maker.films[0] == (["0", "1"], None)


async def test_a_failed_story_holds_no_encoder() -> None:
    place = Place(Maker())
    await place.look("0")
    held = cast("Any", place.desk.film(STORY.metadata.uid).rough)
    await place.look("0", story=STORY.model_copy(update={"status": StoryJobStatus(phase="Failed")}))
    assert held.closed
    assert place.desk.film(STORY.metadata.uid).rough is None


async def test_no_more_encoders_are_held_than_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "ROUGH_CUTS", 1)
    place = Place(maker := Maker())
    await place.look("0")
    await place.look("0", story=a_story(name="owl"))
    assert maker.grown == [["0"]]


async def test_rough_cuts_that_take_much_of_the_disk_grow_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(maker := Maker())
    await place.look("0")
    monkeypatch.setattr(inprocess, "ROUGH_BYTES", 999)
    await place.look("0", "1")
    await place.look("0", "1", name="film")
    assert maker.grown == [["0"]]
    assert maker.films[0] == (["0", "1"], ["0"]), "what there is of it is used"
