"""Counts what is there at the moment somebody scrapes: phases, providers' states, the queue, the bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storyjob.ambient import now
from storyjob.cluster.cache import key_of
from storyjob.planning.admission import CLOSED
from storyjob.reconcile.world import World

STORY_PHASES = ("Pending", "Processing", "Finalizing", "Completed", "Failed", "Suspended")
SCENE_PHASES = ("Pending", "Processing", "Completed", "Failed")
PROVIDER_STATES = ("Ready", "Blocked", "Halted", "CircuitOpen")


class Census(Collector):
    """Reads the world anew for every scrape; every replica that is warm says the same of the objects."""

    def __init__(self, world: World) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        """Yield everything that can be counted now."""
        world = self._world
        stories: Counter[str] = Counter(story.status.phase or "Pending" for story in world.caches.stories)
        yield _by("storyjob_stories", "StoryJobs, by phase.", "phase", STORY_PHASES, stories)
        scenes: Counter[str] = Counter(scene.status.phase or "Pending" for scene in world.caches.scenes)
        yield _by("storyjob_scenes", "Scenes, by phase.", "phase", SCENE_PHASES, scenes)
        yield _by("storyjob_providers", "MediaProviders, by state.", "state", PROVIDER_STATES, self._providers())
        yield GaugeMetricFamily("storyjob_queue_depth", "Objects that wait to be reconciled.", len(world.queue))
        yield GaugeMetricFamily("storyjob_tasks", "Tasks under way.", len(world.tasks))
        yield CounterMetricFamily("storyjob_api_writes", "Writes sent to the API server.", world.cluster.writes)
        refuses = int(world.gate.storage is not None)
        yield GaugeMetricFamily("storyjob_bucket_refuses", "1 while the bucket refuses and nothing is bought.", refuses)

    def _providers(self) -> Counter[str]:
        desk, moment = self._world.desk, now()
        found: Counter[str] = Counter()
        for provider in self._world.caches.providers:
            key = key_of(provider)
            if self._world.vendors.blocked(key):
                found["Blocked"] += 1
            elif key in desk.halts:
                found["Halted"] += 1
            else:
                open_ = desk.circuits.get(key, CLOSED).state(moment) == "Open"
                found["CircuitOpen" if open_ else "Ready"] += 1
        return found


def _by(name: str, text: str, label: str, values: tuple[str, ...], counts: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value in values:
        family.add_metric([value], counts[value])
    return family
