"""Money, as decimals: what a step should cost, and what a story has spent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from storyjob.api.mediaprovider import Price
from storyjob.api.outcome import Result
from storyjob.api.scene import Scene, StepStatus
from storyjob.api.step import StepKind

ZERO = Decimal(0)
SMALLEST = Decimal("0.000001")  # USD; the finest that a price can say
ASSUMED_SECONDS = Decimal(8)  # of a clip whose length is not known before it is made


def estimate(
    prices: Sequence[Price], model: str, *, characters: int = 0, seconds: Decimal | None = None
) -> Decimal | None:
    """Return what one generation should cost in USD, or None where no price is known."""
    price = _price(prices, model)
    if price is None:
        return None
    typical = Decimal(str(price.typical_compute_seconds or 0))
    return _rounded(
        Decimal(price.per_generation or 0)
        + Decimal(price.per_character or 0) * characters
        + Decimal(price.per_second or 0) * (seconds if seconds is not None else ASSUMED_SECONDS)
        + Decimal(price.per_compute_second or 0) * typical
    )


def delivered(prices: Sequence[Price], model: str, result: Result, seconds: float | None) -> Decimal | None:
    """Return what a result cost: what the provider said, else by what was measured of it; None: as estimated.

    ``seconds`` is how long what was made lasts. What a price asks for and nobody measured leaves the estimate standing.
    """
    price = _price(prices, model)
    if result.cost is not None or price is None or price.per_character is not None:
        return result.cost
    made = None if seconds is None else Decimal(str(seconds))
    measured = [(price.per_second, made), (price.per_compute_second, result.compute_seconds)]
    asked = [(Decimal(rate), amount) for rate, amount in measured if rate is not None]
    known = [rate * amount for rate, amount in asked if amount is not None]
    return _rounded(sum(known, Decimal(price.per_generation or 0))) if known and len(known) == len(asked) else None


def worked(prices: Sequence[Price], model: str, compute_seconds: Decimal | None) -> Decimal | None:
    """Return what the work on a job cost that ended without a result; None where it is not billed by that."""
    price = _price(prices, model)
    if price is None or price.per_compute_second is None or compute_seconds is None:
        return None
    return _rounded(Decimal(price.per_compute_second) * compute_seconds)


def _price(prices: Sequence[Price], model: str) -> Price | None:
    own = next((entry for entry in prices if entry.model == model), None)
    return own or next((entry for entry in prices if entry.model == "*"), None)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST)


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
