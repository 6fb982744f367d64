"""What a story shows is written when it can be; that somebody else wrote to it holds up nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest

from storyjob.api.storyjob import StoryJob
from storyjob.cluster.errors import TestFailed, Unavailable
from storyjob.cluster.events import Events
from storyjob.cluster.resources import STORYJOBS
from storyjob.planning.ending import FilmState
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.publish import STALE_SECONDS, publish
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.traffic import Traffic
from storyjob.reconcile.world import Caches, World
from support.builders import NOW, a_story
from support.fake_cluster import FakeCluster
from support.virtual_time import run


class Stand:
    """As much of the world as publishing needs, around one story."""

    def __init__(self) -> None:
        self.cluster, self.caches, self.desk = FakeCluster(), Caches(), Desk(NOW)
        self.events, self.traffic = Events(self.cluster, "test"), Traffic()
        self.story = a_story()
        body = self.story.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
        self.story = StoryJob.model_validate(self.cluster.put(STORYJOBS, {"status": {}} | body))
        self.woken: list[tuple[Kind, float]] = []

    def enqueue(self, kind: Kind, key: Any, after: float = 0.0) -> None:
        self.woken.append((kind, after))

    def enqueue_at(self, kind: Kind, key: Any, moment: Any) -> None:
        """When the film is tried again is not looked at here."""

    def publish(self, phase: str) -> None:
        status = self.story.status.model_copy(update={"phase": phase, "observed_generation": 1})
        run(publish(cast(World, self), self.story, status, FilmState()))


def test_a_story_that_somebody_wrote_to_is_looked_at_again_and_nothing_else_waits() -> None:
    stand = Stand()
    stand.cluster.fails["json_patch"] = TestFailed("kopf's finalizer came first")
    stand.publish("Pending")
    assert stand.woken == [(Kind.STORY, STALE_SECONDS)]
    assert stand.desk.published == {}, "the next try need not wait for its second"


def test_any_other_trouble_is_the_reconciles_own() -> None:
    stand = Stand()
    stand.cluster.fails["json_patch"] = Unavailable("no answer")
    with pytest.raises(Unavailable):
        stand.publish("Pending")


def test_a_film_that_failed_is_counted_with_the_next_try_when_the_first_one_met_a_newer_story() -> None:
    stand = Stand()
    stand.desk.film(stand.story.metadata.uid).error = "ffmpeg ended with 1"
    stand.cluster.fails["json_patch"] = TestFailed("an annotation came first")
    stand.publish("Finalizing")
    assert stand.desk.film(stand.story.metadata.uid).error == "ffmpeg ended with 1"
    stand.cluster.fails.clear()
    stand.publish("Finalizing")
    written = next(iter(stand.cluster.objects[STORYJOBS.plural].values()))["status"]
    assert (written["filmFailures"], written["filmError"]) == (1, "ffmpeg ended with 1")
    assert stand.desk.film(stand.story.metadata.uid).error is None
