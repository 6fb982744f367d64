"""What planning decides, as values: other places carry it out."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneSpec
from storyjob.api.step import StepKind
from storyjob.planning.desire import Desire, Standing
from storyjob.planning.scenestatus import has_source
from storyjob.planning.validate import Problem
from storyjob.planning.view import StepId


@dataclass(frozen=True, slots=True)
class Offer:
    """A step that may be bought as soon as its provider has room."""

    step: StepId
    scene: str
    provider: str
    input_hash: str
    allowance: str
    estimated: Decimal | None
    order: tuple[int, datetime, str, int]
    """Sorts offers of all stories: priority, age of the story, its name, place in the story."""
    way: int = 0
    """Whose place among those who can make it this is: 0 for the first choice, else that in ``fallbacks`` from 1."""
    fallback: int = 0
    """The place of the first who has not refused the content."""
    refused: bool = False
    """Whether its last attempt was refused for the account's sake."""
    after: frozenset[StepId] = frozenset()
    """It is its turn once the provider is done with any of these; at once where there are none."""

    def is_due(self, generated: Container[StepId]) -> bool:
        """Return whether it is its turn. ``generated`` are steps whose results are on their way into the bucket."""
        return not self.after or any(step in generated for step in self.after)


@dataclass(frozen=True, slots=True)
class Search:
    """A step whose bytes may be in the bucket already."""

    step: StepId
    scene: str
    input_hash: str
    found: bool = False
    """True when the bytes are known to be there: take them over."""


@dataclass(slots=True)
class SceneView:
    """One scene as planning sees it."""

    spec: SceneSpec
    scene: Scene | None
    desires: dict[StepKind, Desire]
    problems: list[Problem]

    @property
    def complete(self) -> bool:
        """Whether everything that the scene asks for is in the bucket."""
        if self.scene is None or self.problems or not has_source(self.spec, self.scene.status):
            return False
        return all(d.standing is Standing.DONE for d in self.desires.values())

    @property
    def given_up(self) -> bool:
        """Whether the scene failed at its providers. What a person can mend by an object of theirs is waited for."""
        return self.failed and not self.problems

    @property
    def failed(self) -> bool:
        """Whether nothing is under way and something failed that only a person can mend."""
        if self.problems:
            return not any(d.standing is Standing.UNDER_WAY for d in self.desires.values())
        standings = {d.standing for d in self.desires.values()}
        return Standing.FAILED in standings and not standings & {Standing.UNDER_WAY, Standing.WANTED}

    @property
    def lost(self) -> bool:
        """Whether nobody knows how an attempt of it ended."""
        return any(d.lost for d in self.desires.values())

    @property
    def moving(self) -> bool:
        """Whether something is under way whose end will be seen."""
        return any(d.standing is Standing.UNDER_WAY and not d.lost for d in self.desires.values())


@dataclass(slots=True)
class StoryPlan:
    """What to do next for a story."""

    views: list[SceneView]
    offers: list[Offer] = field(default_factory=list)
    successors: list[Offer] = field(default_factory=list)
    """Offers of those who are next in line, decided ahead: their turn comes by the end of another step alone."""
    searches: list[Search] = field(default_factory=list)
    waiting: dict[StepId, Reason] = field(default_factory=dict)
    halts: dict[str, Problem] = field(default_factory=dict)
    """By provider: why it takes nothing of this story until a person acts."""
    wake_at: datetime | None = None

    def wake(self, at: datetime) -> None:
        """Look again at this time at the latest."""
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)
