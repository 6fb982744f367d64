"""The promises about outcomes that nobody knows: they end only as somebody chose, not too soon, and are counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulation.apiserver import Json
from simulation.market import PRICE
from simulation.virtual import EPOCH
from storyjob.api.resource import RESOLVE_ANNOTATION, RETRY_ANNOTATION
from storyjob.cluster.resources import PROVIDERS, STORYJOBS, Resource

StepKey = tuple[str, str]
"""Scene uid and kind."""
CLOCKS_OFF = 12.0  # seconds by which one operator's clock may be ahead of another's, and what rounding adds
WRITTEN_WITHIN = 90.0  # seconds; longer than the API server is ever away
MARK = 256  # characters of an annotation that a status keeps


class Doubts:
    """Follows every attempt whose outcome was unknown, by what is written and by what people chose."""

    def __init__(self, clock: Callable[[], float], violated: Callable[..., None]) -> None:
        self._clock = clock
        self._violated = violated
        self.given_up: set[str] = set()
        """Token hashes of attempts that nobody cares for any more."""
        self.named: defaultdict[str, set[str]] = defaultdict(set)
        """By token hash: jobs of which a person said that they are the attempt's."""
        self.doubled: Counter[StepKey] = Counter()
        """By step: how many attempts of unknown outcome were bought again."""
        self.ends: Counter[str] = Counter()
        """How many attempts were lost, and how often each way out of that was taken."""
        self._lost_since: dict[str, float] = {}
        self._said: Counter[tuple[str, str]] = Counter()
        self._obeyed: Counter[tuple[StepKey, str]] = Counter()
        self._stories: dict[str, Json] = {}
        self._going: set[str] = set()
        self._providers: dict[str, Json] = {}

    def heard(self, resource: Resource, before: Json | None, after: Json | None) -> None:
        """Take in what a person may have chosen."""
        item = after or before
        if item is None:
            return
        if resource is STORYJOBS:
            self._stories[item["metadata"]["uid"]] = item
            if after is None or "deletionTimestamp" in after["metadata"]:
                self._going.add(item["metadata"]["uid"])
        elif resource is PROVIDERS:
            self._providers[item["metadata"]["name"]] = item
        elif after is not None:
            text = _annotation(after, RESOLVE_ANNOTATION)
            if text is not None and text != _annotation(before, RESOLVE_ANNOTATION):
                self._said[after["metadata"]["uid"], text[:MARK]] += 1

    def step(self, scene: Json, key: StepKey, old: Json, new: Json) -> None:
        """Check one change of a step."""
        token, lost_at = new.get("tokenHash"), new.get("lostAt")
        same = token == old.get("tokenHash")
        if token is not None and lost_at is not None and not (same and lost_at == old.get("lostAt")):
            self.ends["lost"] += 1
            self._lost_since[token] = since = (datetime.fromisoformat(lost_at) - EPOCH).total_seconds()
            if not -WRITTEN_WITHIN < since - self._clock() < CLOCKS_OFF:
                self._violated("%s is said to be lost since %.0f", key, since)
        said = new.get("resolution") if new.get("resolution") != old.get("resolution") else None
        if said is not None:
            self._heed(key, said)
        if token is not None and not same:
            self._begun(scene, key, old, new)
        elif token is not None and old.get("phase") == "OutcomeUnknown":
            self._resolved(scene, key, old, new, said)
        if (counted := Decimal(new.get("possibleDuplicate") or 0)) != PRICE * self.doubled[key]:
            self._violated("%s: %s is counted as bought twice, not %s", key, counted, PRICE * self.doubled[key])

    def _heed(self, key: StepKey, said: str) -> None:
        self._obeyed[key, said] += 1
        if self._obeyed[key, said] > self._said[key[0], said]:
            self._violated("%s: %r was said once and is obeyed again", key, said)

    def _begun(self, scene: Json, key: StepKey, old: Json, new: Json) -> None:
        if old.get("tokenHash") not in self.given_up or old.get("inputHash") != new.get("inputHash"):
            return
        self.doubled[key] += 1
        if old.get("phase") == "Failed" and (
            new.get("allowance") == old.get("allowance") or not self._retry_was_asked_for(scene)
        ):
            self._violated("%s was given up and is bought again unasked", key)

    def _retry_was_asked_for(self, scene: Json) -> bool:
        return any(_annotation(item, RETRY_ANNOTATION) for item in (scene, self._stories.get(_owner(scene))))

    def _resolved(self, scene: Json, key: StepKey, old: Json, new: Json, said: str | None) -> None:
        token, phase = new["tokenHash"], new.get("phase")
        if phase in ("Waiting", "Failed") and new.get("lostAt") is not None:
            self.given_up.add(token)
            how = "chosen" if said is None else "ordered"
            self.ends[f"{how} to be {'bought again' if phase == 'Waiting' else 'given up'}"] += 1
            if said is None:
                self._check_policy(scene, key, new)
            elif _ordered(said, key[1]) != {"Waiting": "resubmit", "Failed": "fail"}[phase]:
                self._violated("%s is %s though a person said %r", key, phase, said)
        elif said is not None and new.get("jobId") == _ordered(said, key[1]):
            self.named[token].add(new["jobId"])
            self.ends["named by a person"] += 1
        elif phase != "OutcomeUnknown":
            self.ends["found"] += 1

    def _check_policy(self, scene: Json, key: StepKey, new: Json) -> None:
        waited = self._clock() - self._lost_since[new["tokenHash"]]
        end = "Resubmit" if new["phase"] == "Waiting" else "Fail"
        fits = [policy for policy in self._policies(scene, new) if end == _chosen(policy, new)]
        if not fits:
            self._violated("%s is given up by %s, and nobody chose that", key, end)
        elif waited < min(policy.get("graceSeconds", 900) for policy in fits) - CLOCKS_OFF:
            self._violated("%s is given up %.0f s after it was lost, before the grace is over", key, waited)

    def _policies(self, scene: Json, step: Json) -> Iterator[Json]:
        story, provider = self._stories.get(_owner(scene)), self._providers.get(step["provider"])
        by_story = story["spec"].get("unknownOutcome") if story else None
        by_provider = provider["spec"].get("unknownOutcome") if provider else None
        yield by_story or by_provider or {}
        if _owner(scene) in self._going:
            yield by_provider or {}


def _chosen(policy: Json, step: Json) -> str:
    below = policy.get("resubmitBelow")
    if below is not None and Decimal(step.get("estimatedCost", "inf")) < Decimal(below):
        return "Resubmit"
    return str(policy.get("policy", "Wait"))


def _ordered(text: str, kind: str) -> str | None:
    """Return what an annotation says of a kind of step."""
    for part in text.split(","):
        who, is_one, what = part.strip().partition("=")
        if not is_one:
            return who.split()[0]
        if who == kind:
            return what.split()[0]
    return None


def _annotation(item: Json | None, name: str) -> str | None:
    annotations: dict[str, Any] = (item or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(name)


def _owner(scene: Json) -> str:
    return next((ref["uid"] for ref in scene["metadata"].get("ownerReferences", ()) if ref.get("controller")), "")
