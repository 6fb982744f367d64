"""Holds the vendors' own account of what was bought against what every story shows."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from storyjob.planning.children import child_name
from support.chaos.cast import Cast, Part
from support.kstatus import has_ended

Json = dict[str, Any]
T = TypeVar("T")

_BEAT = 0.5  # seconds between two looks at everything
AGE_SECONDS = 125.0  # of an intent that no vendor can be working on any more
_KINDS = ("image", "audio", "video")


@dataclass
class Findings:
    """What the audit found wrong, in sentences; nothing of it may be there."""

    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Films and sums that are not what they are in peace."""
    submissions: int = 0
    given_up: int = 0
    """Steps that nobody can know of: at most one submission each, and never a second one."""

    def __bool__(self) -> bool:
        return bool(self.duplicates or self.lost or self.wrong)


def patiently(ask: Callable[[], T], seconds: float = 60.0) -> T:
    """Ask an API server that may be dead just now until it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (httpx.HTTPError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(_BEAT)


class Accountant:
    """The person who looks at the vendors' account where a story waits for one, and the auditor at the end."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.resolved = 0
        """Steps of which the account shows that they never reached a vendor, and that were bought on that word."""

    def bought(self) -> Counter[tuple[str, str]]:
        """Return how often each generation was taken by a vendor."""
        entries = self.cast.place.stage.ledger(self.cast.place.tag)
        return Counter((entry["kind"], entry["text"]) for entry in entries if entry["job_id"] is not None)

    def until_over(self, parts: Iterable[Part], seconds: float) -> dict[str, Json]:
        """Return all stories once each has ended; waits, lets time pass for orphans, and answers who asks."""
        place, end = self.cast.place, time.monotonic() + seconds
        names = {part.name for part in parts}
        while True:
            stories = {
                each["metadata"]["name"]: each
                for each in patiently(lambda: place.stage.api.list("storyjobs", place.namespace))
            }
            open_ = {name for name in names if not has_ended(stories.get(name))}
            if not open_:
                return {name: stories[name] for name in names}
            if time.monotonic() > end:
                told = [json.dumps({name: stories.get(name, {}).get("status")}) for name in sorted(open_)]
                raise AssertionError(f"{len(open_)} stories did not end within {seconds:.0f} s: {told}")
            self._answer(parts)
            time.sleep(_BEAT)

    def until_orphans_are_lost(self, part: Part, seconds: float = 30.0) -> None:
        """Let the vendors' time to answer be over, and return when the leader has drawn its conclusion."""
        end = time.monotonic() + seconds
        while orphans := [each for each in self._steps({part.name}) if each[2].get("phase") == "Submitting"]:
            assert time.monotonic() < end, f"still submitting after {seconds:.0f} s: {orphans}"
            for scene, kind, step in orphans:
                self._let_time_pass(scene, kind, step)
            time.sleep(_BEAT)

    def _answer(self, parts: Iterable[Part]) -> None:
        waiting, bought = {part.name for part in parts if part.findable}, self.bought()
        for scene, kind, step in self._steps({part.name for part in parts}):
            if step.get("phase") == "Submitting":
                self._let_time_pass(scene, kind, step)
            unknown = step.get("phase") == "OutcomeUnknown" and scene["spec"]["storyRef"]["name"] in waiting
            if unknown and not bought[kind, _text(scene, kind)]:
                self._resolve(scene, kind, step)

    def _steps(self, stories: set[str]) -> Iterator[tuple[Json, str, Json]]:
        place = self.cast.place
        for scene in patiently(lambda: place.stage.api.list("scenes", place.namespace)):
            if scene["spec"]["storyRef"]["name"] in stories:
                for kind in _KINDS:
                    yield scene, kind, (scene.get("status", {}).get("steps") or {}).get(kind) or {}

    def _let_time_pass(self, scene: Json, kind: str, step: Json) -> None:
        """Let an intent be older than any vendor takes to answer. A request under way is not touched by it."""
        intent = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - AGE_SECONDS))
        if step["intentAt"] <= intent:
            return
        patch = {"status": {"steps": {kind: {"intentAt": intent}}}}
        meta, api = scene["metadata"], self.cast.place.stage.api
        patiently(lambda: api.merge("scenes", meta["namespace"], meta["name"], patch, subresource="status"))

    def _resolve(self, scene: Json, kind: str, step: Json) -> None:
        meta, api = scene["metadata"], self.cast.place.stage.api
        order = f"{kind}=resubmit {step['attempt']}"
        if meta.get("annotations", {}).get("storyjob.dev/resolve") == order:
            return
        patch = {"metadata": {"annotations": {"storyjob.dev/resolve": order}}}
        patiently(lambda: api.merge("scenes", meta["namespace"], meta["name"], patch))
        self.resolved += 1

    def audit(self, parts: Iterable[Part], stories: Mapping[str, Json], films: Mapping[str, str]) -> Findings:
        """Compare every generation with the account, and every film with the same one made in ``films``."""
        found, bought = Findings(), self.bought()
        found.submissions = sum(bought.values())
        for part in parts:
            story = stories[part.name]
            for kind, text in part.steps:
                step = self._step(part, kind, text)
                _judge(found, part, f"{part.name}: {kind} of {text!r}", step, bought[kind, text])
            if story["status"]["phase"] != "Completed":
                continue
            if (film := story["status"]["outputs"]["film"]["sha256"]) != films[part.name]:
                found.wrong.append(f"{part.name}: its film is {film}, in peace it is {films[part.name]}")
            self._settle(found, part, story)
        return found

    def _settle(self, found: Findings, part: Part, story: Json) -> None:
        """What a story says that it spent is what the vendors charged, and what it says may be a duplicate."""
        entries = [entry for entry in self.cast.place.stage.ledger() if (entry["kind"], entry["text"]) in part.steps]
        charged, cost = sum(Decimal(entry["charged"]) for entry in entries), story["status"]["cost"]
        told = Decimal(cost["spent"]) - Decimal(cost["possibleDuplicate"])
        if told != charged:
            found.wrong.append(f"{part.name}: says {told} was spent for sure, the vendors charged {charged}")

    def _step(self, part: Part, kind: str, text: str) -> Json:
        place, scene = self.cast.place, text.split()[1].rstrip(".")
        body = patiently(lambda: place.stage.api.get("scenes", place.namespace, child_name(part.name, scene)))
        return ((body or {}).get("status", {}).get("steps") or {}).get(kind) or {}


def _judge(found: Findings, part: Part, what: str, step: Json, times: int) -> None:
    if times > 1:
        found.duplicates.append(f"{what} was bought {times} times")
    if step.get("phase") == "Succeeded":
        if times == 0:
            found.wrong.append(f"{what} is there, and no vendor made it")
    elif not part.findable and step.get("reason") == "OutcomeUnknown":
        found.given_up += 1
    elif part.findable or times:
        found.lost.append(f"{what} is {step.get('phase')} ({step.get('reason')}), bought {times} times")


def _text(scene: Json, kind: str) -> str:
    wish = scene["spec"].get(kind) or {}
    return str(wish.get("prompt") or wish.get("text") or "")
