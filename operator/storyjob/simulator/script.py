"""The faults still to strike: they are taken by requests, jobs and files that match them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from storyjob.api.step import StepKind
from storyjob.simulator.fault import AnswerFault, Fault, JobFault, Latency, Match, MediaFault, Route


@dataclass(frozen=True, slots=True)
class Subject:
    """What a fault is matched against; a request that cannot be read has no kind, text or model."""

    vendor: str
    kind: StepKind | None = None
    model: str = ""
    text: str = ""


@dataclass(slots=True)
class _Rule:
    fault: Fault
    left: int | None


F = TypeVar("F")


class FaultScript:
    """Hands out faults in the order of the script, each as often as it says."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []

    def add(self, faults: Iterable[Fault]) -> None:
        """Append faults to the script."""
        self._rules.extend(_Rule(fault, fault.times) for fault in faults)

    def clear(self) -> None:
        """Let nothing more go wrong. Jobs under way keep the faults they took."""
        self._rules.clear()

    def pending(self) -> list[dict[str, Any]]:
        """Return what may still strike, with how often."""
        return [rule.fault.model_dump(mode="json") | {"left": rule.left} for rule in self._rules if rule.left != 0]

    def latency(self, route: Route, subject: Subject) -> Latency | None:
        """Take the wait of one request."""
        return self._take((Latency,), route, subject)

    def answer(self, route: Route, subject: Subject) -> AnswerFault | None:
        """Take the one fault that spoils the answer to a request."""
        return self._take(get_args(AnswerFault), route, subject)

    def media(self, subject: Subject) -> MediaFault | None:
        """Take the one fault that spoils a file on its way out."""
        return self._take(get_args(MediaFault), Route.DOWNLOAD, subject)

    def job(self, subject: Subject) -> Mapping[str, JobFault]:
        """Take all faults a new job will live with, one of each name."""
        taken: dict[str, JobFault] = {}
        for kind in get_args(JobFault):
            fault: JobFault | None = self._take((kind,), Route.SUBMIT, subject)
            if fault is not None:
                taken[fault.fault] = fault
        return taken

    def _take(self, kinds: tuple[type[F], ...], route: Route, subject: Subject) -> F | None:
        for rule in self._rules:
            fault = rule.fault
            if rule.left == 0 or not isinstance(fault, kinds):
                continue
            if route in fault.routes and _strikes(fault.match, route, subject):
                if rule.left is not None:
                    rule.left -= 1
                return fault
        return None


def _strikes(match: Match, route: Route, subject: Subject) -> bool:
    return (
        match.vendor in (None, subject.vendor)
        and match.kind in (None, subject.kind)
        and match.model in (None, subject.model)
        and match.route in (None, route)
        and (match.prompt_contains or "") in subject.text
    )
