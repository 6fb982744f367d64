"""The promises, checked at every write and at every paid request, and once more when all is over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from typing import Any

from simulation.apiserver import ApiServer, Json
from simulation.bucket import Bucket
from simulation.doubts import WRITTEN_WITHIN, Doubts, StepKey
from simulation.market import PRICE, End, Line, Market
from simulation.owners import Attempted, Owners
from simulation.trace import Trace
from storyjob.cluster.resources import LEASES, PROVIDERS, SCENES, STORYJOBS, Resource
from storyjob.media.layout import parse_uri
from storyjob.reconcile.queue import Item

STEPS = ("image", "audio", "video")
ALIVE = ("Submitting", "Running", "Storing", "OutcomeUnknown")
IN_SLOT = ("Submitting", "Running", "Storing")
SETTLED = ("Waiting", "Succeeded", "Failed")
SPIN = 40  # reconciles of one object within one second


class Rules:
    """Looks on from outside: only at what the API server, the vendors and the bucket know."""

    def __init__(
        self,
        api: ApiServer,
        market: Market,
        bucket: Bucket,
        trace: Trace,
        stop: Callable[[], None],
        *,
        one_leader: bool,
        untroubled: bool,
    ) -> None:
        self._api = api
        self._market = market
        self._bucket = bucket
        self._trace = trace
        self._stop = stop
        self._one_leader = one_leader
        self._untroubled = untroubled
        self.broken: str | None = None
        self.checks = 0
        self.attempts: dict[str, Attempted] = {}
        self._owners = Owners(market, self.attempts, lambda key: self._step(key) is not None, self.violated)
        self.unknown: dict[str, str] = {}
        """Token hashes of attempts whose outcome was unknown at some time, and the uid of their story."""
        self.owners: dict[str, str] = {}
        """Scene uids and the uids of their stories, of all Scenes that ever were."""
        self.died: dict[str, float] = {}
        """When each process died."""
        self.leaving: dict[str, float] = {}
        """When the deletion of each Scene was asked for, by uid."""
        self.doubts = Doubts(market.loop.time, self.violated)
        self.most_reconciles = 0
        self._sent: Counter[str] = Counter()
        self._lines: dict[StepKey, list[Line]] = defaultdict(list)
        self._progress: dict[str, tuple[int, int]] = {}
        api.wrote.append(self._wrote)

    def violated(self, text: str, *args: object) -> None:
        """Note that a promise was broken; the first one counts."""
        if self.broken is None:
            self.broken = text % args
            self._trace.add("RULE BROKEN", text, *args)
            self._stop()

    # Leading and paid requests

    def sends(self, line: Line) -> None:
        """Check a paid request before it leaves."""
        self.checks += 1
        self._sent[line.token_hash] += 1
        if self._sent[line.token_hash] > 1:
            self.violated("token %s is submitted twice", line.token_hash[:8])
        known = self.attempts.get(line.token_hash)
        if known is None:
            self.violated("%s is asked for something without an intent on record (%s)", line.vendor, line.process)
            return
        step, token, line.media = self._step(known.step), line.token_hash, known.step[1]
        if line.vendor == "http" and line.idempotency_key != token:
            self.violated("%s is asked for %s with the key %s", line.vendor, token[:8], line.idempotency_key)
        if step is not None and step.get("tokenHash") != token:
            self.violated("%s of %s is submitted though another attempt took its place", token[:8], known.step)
        self._check_leader(line)
        for earlier in self._lines[known.step]:
            self._check_earlier(known, earlier)
        self._lines[known.step].append(line)
        self._trace.add(line.process, "submits %s %s to %s", known.step[1], line.token_hash[:8], line.vendor)

    def _check_leader(self, line: Line) -> None:
        leases = self._api.all(LEASES)
        holder = str(leases[0]["spec"].get("holderIdentity", "")) if leases else None
        if holder is not None and holder.rpartition("_")[0] != line.process.rpartition(".")[0]:
            self.violated("%s submits while the lease is held by %s", line.process, holder or "nobody")

    def _check_earlier(self, known: Attempted, earlier: Line) -> None:
        job, moment = earlier.job, self._market.loop.time()
        if earlier.token_hash in self.doubts.given_up or earlier.token_hash in self.doubts.named:
            return  # somebody chose that, and it is counted
        if earlier.under_way:
            self.violated("%s is submitted again while %s may still arrive", known.step, earlier.token_hash[:8])
        elif job is not None and not job.ended(moment):
            self.violated("%s is submitted again while %s runs", known.step, job.job_id)
        elif job is not None and job.end is End.SUCCEEDED and not job.damaged and self._same_input(earlier, known):
            self.violated("%s is bought again though %s has succeeded", known.step, job.job_id)

    def _same_input(self, earlier: Line, known: Attempted) -> bool:
        return self.attempts[earlier.token_hash].input_hash == known.input_hash

    def _step(self, key: StepKey) -> Json | None:
        for scene in self._api.all(SCENES):
            if scene["metadata"]["uid"] == key[0]:
                return _steps(scene).get(key[1])
        return None

    # Reconciles

    def spins(self, process: str, item: Item, count: int) -> None:
        """Check that nothing is reconciled over and over."""
        self.most_reconciles = max(self.most_reconciles, count)
        # Several that all act at once, as without a lease, correct each other's statuses for as long as they differ.
        if count > SPIN and self._one_leader:
            self.violated("%s reconciles %s %s more than %s times within a second", process, item.kind, item.key, SPIN)

    # Writes

    def _wrote(self, resource: Resource, before: Json | None, after: Json | None) -> None:
        if resource in (SCENES, STORYJOBS, PROVIDERS):
            self.doubts.heard(resource, before, after)
        if after is None:
            metadata = before["metadata"] if before else {}
            self._trace.add("api", "%s %s is gone", resource.kind, metadata.get("name"))
            return
        if resource is SCENES:
            self.checks += 1
            self._check_scene(before, after)
        elif resource is STORYJOBS:
            self.checks += 1
            self._check_story(after)

    def _check_scene(self, before: Json | None, after: Json) -> None:
        uid, name = after["metadata"]["uid"], after["metadata"]["name"]
        self.owners[uid] = _owner(after)
        if "deletionTimestamp" in after["metadata"]:
            self.leaving.setdefault(uid, self._market.loop.time())
        old, new = _steps(before), _steps(after)
        for kind in STEPS:
            if kind in new and old.get(kind) != new[kind]:
                self._check_step(after, (uid, kind), old.get(kind, {}), new[kind])
                self._trace.add("api", "%s/%s %s", name, kind, _told(old.get(kind, {}), new[kind]))
            elif kind in old and kind not in new:
                self.violated("%s/%s has vanished from the status", name, kind)
        if self._one_leader:
            self._check_slots(after)

    def _check_step(self, scene: Json, key: StepKey, old: Json, new: Json) -> None:
        token, job_id = new.get("tokenHash"), new.get("jobId")
        same = token == old.get("tokenHash")
        self.doubts.step(scene, key, old, new)
        if token is not None:
            known = self.attempts.setdefault(token, Attempted(key, new.get("inputHash"), self._market.loop.time()))
            if job_id is not None:
                self._owners.check(key, token, job_id, self.doubts.named.get(token, ()))
                known.jobs.setdefault(job_id, self._market.loop.time())
            if new.get("output"):
                known.outputs.add(new["output"]["sha256"])
            if new.get("phase") == "OutcomeUnknown":
                self.unknown[token] = _owner(scene)
                self._check_orphan(key, token)
        named = self.doubts.named.get(token or "", ())
        if same and old.get("jobId") is not None and job_id != old["jobId"] and job_id not in named:
            self.violated("%s: job id %s is dropped for %s", key, old["jobId"], job_id)
        if not same and old.get("phase", "Waiting") not in SETTLED:
            self.violated("%s: a new attempt while the last one is %s", key, old["phase"])
        if new.get("output") and new.get("phase") in ALIVE and old != new:
            self.violated("%s is %s and has a result", key, new["phase"])
        if new.get("phase") == "Succeeded" and old != new:
            self._check_bytes(key, new.get("output"))

    def _check_orphan(self, key: StepKey, token: str) -> None:
        """Where only the API server is in trouble, an attempt becomes unknown only if nobody was told of its job."""
        if not self._untroubled or self.attempts[token].jobs:  # a job on record may be lost at its vendor
            return
        for line in self._market.lines:
            if line.token_hash == token and line.job is not None and self._was_told(line, key[0]):
                self.violated("%s: job %s was told to %s and dropped", key, line.job.job_id, line.process)

    def _check_bytes(self, key: StepKey, output: Json | None) -> None:
        stored = self._bucket.objects.get(parse_uri(output["uri"]).key) if output else None
        if output is None or stored is None:
            self.violated("%s has succeeded without bytes in the bucket", key)
        elif stored.sha256 != output["sha256"] or len(stored.data) != output["bytes"]:
            self.violated("%s has succeeded with other bytes in the bucket than it says", key)

    def _check_slots(self, scene: Json) -> None:
        held: Counter[str] = Counter()
        for item in self._api.all(SCENES):
            for step in _steps(item).values():
                # One whose outcome was unknown gave its slot back after the longest time that a job may take.
                if step.get("phase") in IN_SLOT and step.get("tokenHash") not in self.unknown:
                    held[step["provider"]] += 1
        for provider in self._api.all(PROVIDERS):
            limit, name = provider["spec"]["limits"]["concurrent"], provider["metadata"]["name"]
            if held[name] > limit:
                self.violated("%s has %s generations under way; its limit is %s", name, held[name], limit)

    def _check_story(self, story: Json) -> None:
        uid, status = story["metadata"]["uid"], story.get("status", {})
        seen, progress = status.get("observedGeneration", -1), status.get("progress", 0)
        before = self._progress.get(uid)
        # An end that is undone in the same generation, by a Scene deleted by hand, goes back to 99: the film is redone.
        if before is not None and before[0] == seen and progress < min(before[1], 99):
            self.violated("progress of %s fell from %s to %s", story["metadata"]["name"], before[1], progress)
        self._progress[uid] = (seen, progress)
        self._trace.add(
            "api", "%s %s %s%% spent %s", story["metadata"]["name"], status.get("phase"), progress, _spent(status)
        )

    # When all is over

    def check_end(self) -> None:
        """Check what must be true once the faults have stopped and everything had its time."""
        self._check_ledger()
        for story in self._api.all(STORYJOBS):
            self._check_cost(story)
            self._check_film(story)

    def _check_ledger(self) -> None:
        """Every job that a vendor took is on record, or its attempt is one of which we know that we do not know."""
        for line in self._market.lines:
            known = self.attempts.get(line.token_hash)
            if line.job is None or known is None or line.job.name in known.jobs or line.job.damaged:
                continue
            if sha256(line.job.data).hexdigest() in known.outputs:
                continue  # found by its bytes, which say nothing of a job
            step = self._step(known.step)
            if self._was_told(line, known.step[0]):
                self.violated("%s: job %s was told to %s and dropped", known.step, line.job.job_id, line.process)
            if step is not None and line.token_hash not in self.unknown and step.get("tokenHash") == line.token_hash:
                self.violated("%s: job %s is forgotten: the step is %s", known.step, line.job.job_id, step.get("phase"))

    def _was_told(self, line: Line, scene_uid: str) -> bool:
        """Whether the vendor's yes reached a process that lived on for long enough to write it into the Scene."""
        until = min(self.died.get(line.process, float("inf")), self.leaving.get(scene_uid, float("inf")))
        return line.answered_at is not None and until - line.answered_at > WRITTEN_WITHIN

    def _check_cost(self, story: Json) -> None:
        uid, charged = story["metadata"]["uid"], Decimal(0)
        open_ = PRICE * sum(owner == uid for owner in self.unknown.values())
        for line in self._market.lines:
            known = self.attempts.get(line.token_hash)
            if known is None or self.owners.get(known.step[0]) != uid:
                continue
            if line.token_hash not in self.unknown and line.job is not None and line.job.end is End.SUCCEEDED:
                charged += PRICE
        spent = Decimal(_spent(story.get("status", {})))
        name = story["metadata"]["name"]
        if not charged <= spent <= charged + open_:
            self.violated("%s says %s spent; charged are %s, and perhaps %s more", name, spent, charged, open_)

        twice = PRICE * sum(count for (scene, _), count in self.doubts.doubled.items() if self.owners[scene] == uid)
        counted = Decimal((story.get("status", {}).get("cost") or {}).get("possibleDuplicate", "0"))
        if counted != twice:
            self.violated("%s says that %s may be spent for nothing; it is %s", name, counted, twice)

    def _check_film(self, story: Json) -> None:
        status = story.get("status", {})
        if status.get("phase") != "Completed":
            return
        film = (status.get("outputs") or {}).get("film")
        if film is None or parse_uri(film["uri"]).key not in self._bucket.objects:
            self.violated("%s is completed without a film in the bucket", story["metadata"]["name"])


def _steps(scene: Json | None) -> dict[str, Any]:
    return ((scene or {}).get("status") or {}).get("steps") or {}


def _owner(scene: Json) -> str:
    return next((ref["uid"] for ref in scene["metadata"].get("ownerReferences", ()) if ref.get("controller")), "")


def _spent(status: Json) -> str:
    return str((status.get("cost") or {}).get("spent", "0"))


def _told(old: Json, new: Json) -> str:
    """Return what changed of a step, in a few words."""
    shown = [f"{old.get('phase', 'Waiting')} -> {new.get('phase', 'Waiting')}", f"#{new.get('attempt', 0)}"]
    if new.get("jobId"):
        shown.append(new["jobId"])
    if new.get("callback") != old.get("callback"):
        shown.append("called back")
    if new.get("reason"):
        shown.append(new["reason"])
    return " ".join(shown)
