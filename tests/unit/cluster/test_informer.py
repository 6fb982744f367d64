"""The informer in virtual time: what is listed when a watch breaks, what is never missed, and that it never spins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from storyjob.cluster.client import Json, Page
from storyjob.cluster.errors import ClusterError, Forbidden, Gone, Unavailable
from storyjob.cluster.informer import LONGEST_PAUSE, WATCH_TRIES, Informer
from storyjob.cluster.resources import SCENES, Resource
from support.fake_cluster import FakeCluster
from support.virtual_time import clock, run

Event = tuple[str, Json]
Ending = ClusterError | float
"""How a watch goes on after its events: it breaks, or is ended by the server after so many seconds."""


def a_scene(name: str, version: int, uid: str = "") -> Json:
    return {"metadata": {"namespace": "tales", "name": name, "uid": uid or name, "resourceVersion": str(version)}}


@dataclass
class Script(FakeCluster):
    """A server whose pages and watches are told beforehand; after the last one nothing ever happens."""

    lists: list[list[list[Json]] | ClusterError]
    watches: list[tuple[list[Event], Ending]] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When what was asked: "list", or "watch" and the resourceVersion it is to go on from."""
    endless: Ending | None = None
    """How every further watch ends."""

    def __post_init__(self) -> None:
        super().__init__()

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> AsyncIterator[Page]:
        self.asked.append((clock(), "list"))
        pages = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(pages, ClusterError):
            raise pages
        for page in pages:
            yield page, "100"

    async def watch(
        self, resource: Resource, namespace: str | None, resource_version: str, *, selector: str | None = None
    ) -> AsyncIterator[tuple[str, Json]]:
        self.asked.append((clock(), f"watch {resource_version}"))
        events, ending = self.watches.pop(0) if self.watches else ([], self.endless)
        for event in events:
            yield event
        if isinstance(ending, ClusterError):
            raise ending
        await asyncio.sleep(1e9 if ending is None else ending)

    @property
    def questions(self) -> list[str]:
        return [what for _, what in self.asked]


def follow(
    script: Script, seconds: float, seen: Callable[[Json], Any] = lambda item: None
) -> tuple[list[str], list[str]]:
    """Run an informer for some seconds; return the names that were seen and those that were lost."""
    names: list[str] = []
    lost: list[str] = []

    def take(item: Json) -> None:
        seen(item)
        names.append(item["metadata"]["name"])

    async def main() -> None:
        informer = Informer(script, SCENES, "tales", take, lambda key, uid: lost.append(uid))
        task = asyncio.create_task(informer.run())
        await asyncio.sleep(seconds)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())
    return names, lost


CUT = Unavailable("the connection was lost")


def test_a_cut_watch_goes_on_where_it_was() -> None:
    events = [("ADDED", a_scene("lake", 101)), ("BOOKMARK", {"metadata": {"resourceVersion": "150"}})]
    script = Script([[[a_scene("hill", 7)]]], [(events, CUT), ([("ADDED", a_scene("moon", 151))], 290.0)])
    assert follow(script, 60) == (["hill", "lake", "moon"], [])
    assert script.questions == ["list", "watch 100", "watch 150"]


def test_a_watch_that_the_server_ends_goes_on_at_once() -> None:
    script = Script([[[]]], [([], 290.0), ([], 290.0)])
    follow(script, 400)
    assert script.asked == [(0.0, "list"), (0.0, "watch 100"), (290.0, "watch 100")]


def test_after_410_all_is_listed_and_what_went_meanwhile_is_told() -> None:
    after = [[a_scene("hill", 8)], [a_scene("lake", 90, uid="another lake")]]
    script = Script([[[a_scene("hill", 7), a_scene("lake", 6), a_scene("moon", 5)]], after], [([], Gone("too old"))])
    names, lost = follow(script, 60)
    assert names == ["hill", "lake", "moon", "hill", "lake"]
    assert lost == ["lake", "moon"]
    assert script.asked == [(0.0, "list"), (0.0, "watch 100"), (0.0, "list"), (0.0, "watch 100")]


def test_pages_are_handed_on_one_by_one_and_a_broken_list_loses_nothing() -> None:
    class Breaks(Script):
        async def pages(self, *args: Any, **options: Any) -> AsyncIterator[Page]:
            first = len(self.asked) < 3
            async for page in super().pages(*args, **options):
                yield page
                if len(self.asked) == 3:
                    raise Gone("the continue token is too old")
            assert first or len(self.asked) > 3

    pages = [[a_scene("hill", 7)], [a_scene("lake", 6)]]
    script = Breaks([pages], [([], Gone("too old"))])
    names, lost = follow(script, 60)
    assert names == ["hill", "lake", "hill", "hill", "lake"]
    assert lost == []


def test_an_object_that_cannot_be_read_hides_no_other() -> None:
    def seen(item: Json) -> None:
        if item["metadata"]["name"] == "bad":
            raise TypeError("not as the CRD says")

    events = [("ADDED", a_scene("bad", 101)), ("ADDED", a_scene("moon", 102)), ("DELETED", a_scene("bad", 103))]
    script = Script([[[a_scene("bad", 6), a_scene("hill", 7)]]], [(events, 290.0)])
    assert follow(script, 60, seen) == (["hill", "moon"], ["bad"])


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(CUT, id="each watch breaks"),
        pytest.param(Gone("too old"), id="the server forgets at once"),
        pytest.param(Forbidden("no"), id="the right was withdrawn"),
        pytest.param(0.0, id="each watch ends at once"),
    ],
)
def test_it_never_spins(ending: Ending) -> None:
    script = Script([[[]]], endless=ending)
    follow(script, 3600)
    # A question and its list every 15 to 30 s, and some more while the pauses grow.
    assert len(script.asked) < 2 * (3600 / (LONGEST_PAUSE / 2) + 10)


def test_a_list_that_always_fails_does_not_spin_either() -> None:
    script = Script([CUT])
    follow(script, 3600)
    assert len(script.asked) < 3600 / (LONGEST_PAUSE / 2) + 10


def test_a_place_from_which_nothing_can_be_watched_is_given_up() -> None:
    script = Script([[[]]], [([], CUT)] * (WATCH_TRIES + 1))
    follow(script, 300)
    assert script.questions == ["list", *["watch 100"] * (WATCH_TRIES + 1), "list", "watch 100"]
