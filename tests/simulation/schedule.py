"""What a seed means: a story, how bad the world is, and who dies when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulation import wishes
from simulation.weather import Channel, Drought, Outage

RATES = (0.0, 0.0, 0.03, 0.1, 0.3)
PAID = (Channel.API, Channel.VENDOR)
"""Where money is lost if anywhere."""
ROUGH = (0.0, 0.05, 0.1, 0.2, 0.4)
ACTS = (
    *("edit", "edit", "regenerate", "suspend", "delete scene", "delete scene", "delete story", "retry", "drop scene"),
    *("resolve", "resolve", "resolve", "rotate key", "delete provider", "apply again"),
)
WHERES = ("before", "after", "answered")


@dataclass(frozen=True, slots=True)
class Death:
    """How one life of an operator ends: at a step, at a request, by SIGTERM or by a long pause. Times in seconds."""

    how: str
    at: int = 0
    where: str = "before"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does at a time."""

    what: str
    at: float
    story: int
    seconds: float = 0.0
    """How much later the second half of it follows."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything about one run that is not drawn on its way."""

    seed: int
    stories: tuple[Mapping[str, Any], ...]
    providers: Mapping[str, Mapping[str, Any]]
    callbacks: bool
    operators: int
    leased: bool
    """Whether they lead one at a time; else all at once, which none of them may be harmed by."""
    deaths: tuple[tuple[Death, ...], ...]
    """For each operator, how its lives end; the last one goes on."""
    skews: tuple[float, ...]
    acts: tuple[Act, ...]
    calm_at: float
    rates: Mapping[Channel, float] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    droughts: tuple[Drought, ...] = ()
    strict: frozenset[str] = frozenset()
    """Vendors that refuse some content."""
    vendors_off: float = 0.0
    """Seconds by which the vendors' clocks are wrong."""

    def told(self) -> list[str]:
        """Return the schedule in a few lines."""
        bad = ", ".join(f"{channel} {rate:g}" for channel, rate in self.rates.items() if rate)
        lines = [f"{len(story['scenes'])} scenes: {_wishes(story)}" for story in self.stories]
        who = f"{self.operators} operators{', one leads' if self.leased else ''}"
        lines.append(f"{who}; faults until {self.calm_at:.0f} s: {bad or 'none'}")
        lines += [f"{out.channel} is down from {out.begins:.0f} to {out.ends:.0f} s" for out in self.outages]
        lines += [f"{dry.vendor} has no money from {dry.begins:.0f} to {dry.ends:.0f} s" for dry in self.droughts]
        lines += [f"{name}: {spec['unknownOutcome']}" for name, spec in self._choices()]
        lines += [f"operator {n}: {death}" for n, lives in enumerate(self.deaths) for death in lives]
        lines += [f"at {act.at:.0f} s: {act.what} story {act.story}" for act in self.acts]
        return lines

    def _choices(self) -> list[tuple[str, Mapping[str, Any]]]:
        named = [(f"story {number}", story) for number, story in enumerate(self.stories)]
        return [(name, spec) for name, spec in [*named, *self.providers.items()] if "unknownOutcome" in spec]


def _wishes(story: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{scene['name']} ({' '.join(kind for kind in ('image', 'audio', 'video') if kind in scene)})"
        for scene in story["scenes"]
    )


def draw(seed: int) -> Schedule:
    """Return the schedule of a seed."""
    dice = random.Random(f"{seed}/schedule")
    calm_at = dice.uniform(15.0, 75.0)
    operators = 2 if dice.random() < 0.4 else 1
    fair = dice.random() < 0.08
    scenes = dice.choice((1, 1, 1, 2, 2, 2, 3, 3, 4))
    split = dice.randint(1, scenes - 1) if scenes > 1 and dice.random() < 0.25 else scenes
    stories = tuple(wishes.story(dice, count) for count in (split, scenes - split) if count)
    providers = wishes.providers(dice, stories)
    return Schedule(
        seed=seed,
        stories=stories,
        providers=providers,
        callbacks=dice.random() < 0.8,
        operators=operators,
        leased=dice.random() < 0.5,
        deaths=tuple(() if fair else _deaths(dice) for _ in range(operators)),
        skews=tuple(0.0 if fair else dice.choice((0.0, 0.0, dice.uniform(-5.0, 5.0))) for _ in range(operators)),
        acts=() if fair else _acts(dice, len(stories), calm_at),
        calm_at=0.0 if fair else calm_at,
        rates={} if fair else {channel: dice.choice(ROUGH if channel in PAID else RATES) for channel in Channel},
        outages=() if fair else _outages(dice, calm_at),
        droughts=() if fair else _droughts(dice, list(providers), calm_at),
        strict=frozenset(name for name in sorted(providers) if dice.random() < 0.5),
        vendors_off=0.0 if fair else dice.choice((0.0, dice.uniform(-10.0, 10.0))),
    )


def _deaths(dice: random.Random) -> tuple[Death, ...]:
    return tuple(_death(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, 4))))


def _death(dice: random.Random) -> Death:
    match dice.choice(("step", "step", "request", "request", "request", "term", "pause")):
        case "step":
            return Death("step", at=int(2 ** dice.uniform(3.0, 12.0)))
        case "request":
            return Death("request", at=dice.randint(1, 120), where=dice.choice(WHERES))
        case "pause":
            return Death("pause", seconds=dice.uniform(1.0, 60.0), at=dice.randint(1, 40))
        case _:
            return Death("term", seconds=dice.uniform(1.0, 60.0))


def _acts(dice: random.Random, stories: int, calm_at: float) -> tuple[Act, ...]:
    count = dice.choice((0, 0, 0, 1, 1, 2, 3))
    acts = [
        Act(dice.choice(ACTS), dice.uniform(1.0, calm_at), dice.randrange(stories), dice.choice((0.0, 1.0, 20.0)))
        for _ in range(count)
    ]
    return tuple(sorted(acts, key=lambda act: act.at))


def _droughts(dice: random.Random, vendors: list[str], calm_at: float) -> tuple[Drought, ...]:
    if dice.random() < 0.8:
        return ()
    begins = dice.uniform(0.0, calm_at)
    return (Drought(dice.choice(vendors), begins, begins + dice.uniform(5.0, 90.0)),)


def _outages(dice: random.Random, calm_at: float) -> tuple[Outage, ...]:
    if dice.random() < 0.7:
        return ()
    begins = dice.uniform(0.0, calm_at)
    channel = dice.choice((Channel.API, Channel.BUCKET, Channel.VENDOR, Channel.ASK, Channel.DOWNLOAD))
    return (Outage(channel, begins, begins + dice.uniform(2.0, 60.0)),)
