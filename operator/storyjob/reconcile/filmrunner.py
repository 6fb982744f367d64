"""The port behind which films are made: in this process, or each in a Job of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import Key
from storyjob.media.shot import Look, Shot
from storyjob.planning.plan import StoryPlan

if TYPE_CHECKING:
    from storyjob.reconcile.world import World


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """A film that a story wants, as far as it is known."""

    story: StoryJob
    plan: StoryPlan
    shots: list[Shot]
    look: Look
    name: str | None
    """Names what it is made of; None until that is certain."""
    failures: int
    """Tries that failed before."""


class FilmRunner(Protocol):
    """Makes films. Chosen once, at start; what came of a film lies on its ``FilmDesk`` afterwards."""

    def go_on(self, world: World, order: FilmOrder) -> str | None:
        """Start what can be done for the film now, as a task; return how it stands, if there is anything to say."""
        ...

    def rest(self, world: World, story: Key) -> None:
        """See to it that nothing works at a film of this story, which is done, put off or suspended, or gone."""
        ...

    async def let_go(self, world: World, story: StoryJob) -> None:
        """Leave nothing behind of a story that goes. Raises ``ClusterError``."""
        ...

    async def follow(self, world: World) -> None:
        """Follow what is made elsewhere, until cancelled."""
        ...
