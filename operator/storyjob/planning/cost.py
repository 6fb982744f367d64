"""Money, as decimals: what a step should cost, and what a story has spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from storyjob.api.mediaprovider import Price
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind

ZERO = Decimal(0)
ASSUMED_SECONDS = Decimal(8)  # of a clip whose length is not known before it is made


def estimate(
    prices: Sequence[Price], model: str, *, characters: int = 0, seconds: Decimal | None = None
) -> Decimal | None:
    """Return what one generation should cost in USD, or None where no price is known."""
    price = next((entry for entry in prices if entry.model == model), None) or next(
        (entry for entry in prices if entry.model == "*"), None
    )
    if price is None:
        return None
    return (
        Decimal(price.per_generation or 0)
        + Decimal(price.per_character or 0) * characters
        + Decimal(price.per_second or 0) * (seconds if seconds is not None else ASSUMED_SECONDS)
    )


def text(amount: Decimal | None) -> str | None:
    """Return an amount as a plain decimal string without needless zeros."""
    if amount is None:
        return None
    plain = f"{amount:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def step_spent(step: StepStatus) -> Decimal:
    """Return what all attempts of a step cost; one whose end is open counts with its estimate."""
    newest = step.cost
    if newest is None and step.live:
        newest = step.estimated_cost
    return Decimal(step.previous_cost or 0) + Decimal(newest or 0)


def scene_spent(scene: Scene) -> Decimal:
    """Return what all attempts of a scene's steps cost."""
    return sum((step_spent(scene.step(kind)) for kind in StepKind), ZERO)


def spent(scenes: Iterable[Scene], retired: Decimal) -> Decimal:
    """Return what a story cost so far, scenes that are gone included."""
    return sum((scene_spent(scene) for scene in scenes), retired)


def scene_duplicate(scene: Scene) -> Decimal:
    """Return what a scene's steps may have cost for nothing."""
    return sum((Decimal(scene.step(kind).possible_duplicate or 0) for kind in StepKind), ZERO)


def possible_duplicate(scenes: Iterable[Scene], retired: Decimal) -> Decimal:
    """Return what a story may have paid for nothing: attempts of unknown outcome that were bought again."""
    return sum((scene_duplicate(scene) for scene in scenes), retired)
