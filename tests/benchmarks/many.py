"""Films many stories at once and takes them away again: the facts that hold at any size, and what it took."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.audience import moment, until_ended, until_gone
from benchmarks.measure import Measured, Meter
from benchmarks.stories import Bill, a_bench_story, bought_once, engage
from storyjob.local.process import Process
from support.stage import Stage, a_tag

_APPLIED_AT_ONCE = 8
DELETION_SECONDS = 600.0


@dataclass(frozen=True)
class Run:
    """One run over the whole life of its stories."""

    bill: Bill
    bought: int
    stored_seconds: float
    """From the first submission to the last file in the bucket."""
    films: Measured
    """From apply until the last film is there."""
    whole: Measured
    """The same and the deletion."""

    @property
    def scenes_per_second(self) -> float:
        return self.bill.total / self.films.wall_seconds

    @property
    def scene_writes_per_scene(self) -> float:
        """Writes to Scene objects alone, from creation to the last finalizer."""
        return sum(n for (kind, _, _), n in self.whole.writes.items() if kind == "scenes") / self.bill.total


def film_many(stage: Stage, others: tuple[Process, ...], bill: Bill, *, seconds: float) -> Run:
    """Apply all stories at once, wait for their films, delete them, and wait until they are gone."""
    api, namespace, tag = stage.api, stage.namespaces[0], a_tag()
    engage(api, namespace, stage.simulator_url)
    stories = [a_bench_story(f"story-{number:03}", tag, bill.scenes) for number in range(bill.stories)]
    names = [story["metadata"]["name"] for story in stories]
    meter = Meter(api, (*stage.processes, *others))
    with ThreadPoolExecutor(_APPLIED_AT_ONCE) as threads:
        list(threads.map(lambda story: api.apply("storyjobs", namespace, story), stories))
    until_ended(api, namespace, names, seconds=seconds)
    films = meter.read()
    ledger = stage.ledger(tag)
    first, last = moment(ledger[0]["at"]), _last_stored(stage)
    with ThreadPoolExecutor(_APPLIED_AT_ONCE) as threads:
        list(threads.map(lambda name: api.delete("storyjobs", namespace, name), names))
    until_gone(api, namespace, seconds=DELETION_SECONDS)
    return Run(bill, bought_once(ledger), last - first, films, meter.read())


def _last_stored(stage: Stage) -> float:
    scenes = stage.api.list("scenes", stage.namespaces[0])
    return max(moment(step["finishedAt"]) for scene in scenes for step in scene["status"]["steps"].values())
