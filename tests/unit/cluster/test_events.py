"""An event tells of a transition: asked to say the same again, also after a restart, nobody says it twice."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from storyjob.cluster.errors import Unavailable
from storyjob.cluster.events import NOTE_LIMIT, Events
from storyjob.cluster.resources import EVENTS
from support.builders import metadata
from support.fake_cluster import FakeCluster

FOX = metadata("fox")


def told(cluster: FakeCluster) -> list[tuple[str, str]]:
    return [(event["reason"], event["note"]) for event in cluster.objects[EVENTS.plural].values()]


async def tell(events: Events, reason: str = "Storage", note: str = "403", **fields: Any) -> None:
    await events.tell("StoryJob", FOX, reason, note, **({"level": "Warning", "occasion": ""} | fields))


async def test_what_stands_is_said_once_however_often_it_is_looked_at() -> None:
    cluster = FakeCluster()
    events = Events(cluster, "pod-a")
    for _ in range(3):
        await tell(events)

    assert told(cluster) == [("Storage", "403")]
    assert cluster.writes == 1


async def test_after_a_restart_it_is_known_that_it_was_said(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    for instance in ("pod-a", "pod-b"):
        await tell(Events(cluster, instance))

    assert told(cluster) == [("Storage", "403")]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_another_note_or_occasion_is_another_event() -> None:
    cluster = FakeCluster()
    events = Events(cluster, "pod-a")
    await tell(events, note="403")
    await tell(events, note="500")
    await tell(events, note="500", occasion="2")

    assert told(cluster) == [("Storage", "403"), ("Storage", "500"), ("Storage", "500")]


async def test_transitions_that_were_written_are_each_told() -> None:
    cluster = FakeCluster()
    events = Events(cluster, "pod-a")
    for _ in range(2):
        await tell(events, "Generating", "Scenes are made.", level="Normal", occasion=None)

    assert len(told(cluster)) == 2


async def test_an_event_that_cannot_be_written_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    cluster.fails["create"] = Unavailable("503")
    await tell(Events(cluster, "pod-a"), note="x" * 2000)

    assert "could not be written: 503" in caplog.text


async def test_a_note_is_cut_to_what_the_api_takes() -> None:
    cluster = FakeCluster()
    await tell(Events(cluster, "pod-a"), note="x" * 2000)

    assert len(told(cluster)[0][1]) == NOTE_LIMIT
