"""The promise about jobs: what is on record of an attempt is its own job, and never another attempt's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from simulation.doubts import StepKey
from simulation.market import Job, Line, Market

CLOCKS_DIFFER = 75.0  # seconds that a job may seem to be older than its attempt
SEEN_WITHIN = 30.0  # seconds; longer than any watch is behind


@dataclass(slots=True)
class Attempted:
    """An attempt that was on record."""

    step: StepKey
    input_hash: str | None
    since: float
    jobs: dict[str, float] = field(default_factory=dict)
    """When each was first on record."""
    outputs: set[str] = field(default_factory=set)


class Owners:
    """Says whose job is whose. ``exists`` tells whether a step is still there."""

    def __init__(
        self,
        market: Market,
        attempts: Mapping[str, Attempted],
        exists: Callable[[StepKey], bool],
        violated: Callable[..., None],
    ) -> None:
        self._market = market
        self._attempts = attempts
        self._exists = exists
        self._violated = violated

    def check(self, step: StepKey, token: str, name: str, named: Collection[str]) -> None:
        """Check that a job is an attempt's own, or that a person ``named`` it, and that nobody else has it.

        An attempt whose own job is not there, or not shown yet, may take a stranger's that looks like it and was made
        at that time: nothing that a list shows could tell the two apart.
        """
        own = next((line for line in self._market.lines if line.token_hash == token), None)
        if own is not None and own.job is not None and own.job.name == name:
            return
        job = self._market.jobs.get(name.rpartition("/")[2])
        if job is not None and any(self._has(other, token, name, named) for other in self._attempts):
            self._violated("%s: %s is on record, and another attempt has it", step, name)
        alike = job is not None and self._looks_like(job, own, self._attempts[token].since)
        if not alike and name not in named:
            self._violated("%s: %s is on record, and is no job of this attempt", step, name)

    def _has(self, other: str, token: str, name: str, named: Collection[str]) -> bool:
        known = self._attempts[other]
        since = known.jobs.get(name)
        if other == token or since is None or not self._exists(known.step):
            return False
        # A person may name the job of a step that does not know of it yet: whoever had it first keeps it.
        if name in named and self._attempts[token].jobs.get(name, since) < since:
            return False
        # Nobody can stop a person who names a step's job in the very moment in which the step itself hears of it.
        return name not in named or self._market.loop.time() - since > SEEN_WITHIN

    def _looks_like(self, job: Job, own: Line | None, since: float) -> bool:
        """Return whether a stranger's job looks like one that is not there, or not shown yet.

        ``own`` is the attempt's own request, None where it never went out; ``since`` is when its intent was written.
        """
        sent_at = since if own is None else own.sent_at
        if not self._nobodys(job) or job.begins_at < sent_at - CLOCKS_DIFFER:
            return False
        if own is None or own.job is None:
            return True
        late = any(
            entry.job is own.job and entry.shown_at > self._market.loop.time() - SEEN_WITHIN
            for entry in self._market.lists.get(own.vendor, ())
        )
        return late and job.begins_at < own.sent_at

    def _nobodys(self, job: Job) -> bool:
        """Return whether no Scene that is still there tells whose a job is: a stranger's, or of a Scene that went."""
        known = next((self._attempts.get(line.token_hash) for line in self._market.lines if line.job is job), None)
        return job.stranger or (known is not None and not self._exists(known.step))
