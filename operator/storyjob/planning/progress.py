"""Counts how far a story is, and turns that into the one number that people look at."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from storyjob.api.step import StepKind
from storyjob.api.storyjob import SceneCounts, StepCounts, StepTotals
from storyjob.planning.desire import Standing
from storyjob.planning.plan import SceneView

UNTIL_FILM = 99  # percent: all media are there, the film is not


def step_totals(views: Sequence[SceneView]) -> StepTotals:
    """Count the steps that the story asks for, and those that are as wanted."""
    counts = {kind: _count(views, kind) for kind in StepKind}
    return StepTotals(
        image=counts[StepKind.IMAGE] if counts[StepKind.IMAGE].total else None,
        audio=counts[StepKind.AUDIO] if counts[StepKind.AUDIO].total else None,
        video=counts[StepKind.VIDEO] if counts[StepKind.VIDEO].total else None,
    )


def _count(views: Sequence[SceneView], kind: StepKind) -> StepCounts:
    total = sum(kind in view.spec.kinds() for view in views)
    done = sum((wish := view.desires.get(kind)) is not None and wish.standing is Standing.DONE for view in views)
    return StepCounts(total=total, succeeded=done)


def scene_counts(views: Sequence[SceneView]) -> SceneCounts:
    """Count the scenes by how they stand."""
    succeeded = sum(view.complete for view in views)
    return SceneCounts(
        total=len(views),
        active=sum(any(d.standing is Standing.UNDER_WAY for d in view.desires.values()) for view in views),
        succeeded=succeeded,
        failed=sum(view.failed for view in views),
        reused=sum(
            view.complete and bool(view.desires) and all(d.step.reused for d in view.desires.values()) for view in views
        ),
        summary=f"{succeeded}/{len(views)}",
    )


def percent(totals: StepTotals, *, film_done: bool) -> int:
    """Return 100 times the mean, over the kinds of steps that the story has, of done/total; 99 until the film."""
    if film_done:
        return 100
    # Fractions, since 100 * 0.29 is below 29.
    parts = [Fraction(count.succeeded, count.total) for count in (totals.image, totals.audio, totals.video) if count]
    # A story of only its own sources has nothing to generate: only the film is missing.
    mean = sum(parts) / len(parts) if parts else Fraction(1)
    return min(UNTIL_FILM, int(100 * mean))
