"""Every metric that operator and webhook expose, read off their registries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from prometheus_client.core import Metric

from storyjob.ambient import now
from storyjob.reconcile import metrics
from storyjob.reconcile.census import Census
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.metrics import REGISTRY
from storyjob.reconcile.world import Caches, Gate, World
from storyjob_webhook.metrics import Metrics

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def an_empty_world() -> World:
    """Return as much of a world as can be counted, with nothing in it."""
    world = SimpleNamespace(caches=Caches(), desk=Desk(now()), gate=Gate(), queue=[], tasks=[])
    world.cluster, world.vendors = SimpleNamespace(writes=0), SimpleNamespace(blocked=lambda key: False)
    return cast(World, world)


def families() -> list[Metric]:
    """Return the families of both processes."""
    webhook = Metrics()
    for name in ("scenes", "waiting", "providers"):
        webhook.watch_size(name, "A size.", lambda: 0.0)
    return [*REGISTRY.collect(), *Census(an_empty_world()).collect(), *webhook.registry.collect()]


def exposed_name(family: Metric) -> str:
    """Return the name under which people know a family: counters with their suffix."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(family: Metric) -> list[str]:
    """Return the labels of a family; those that have no sample yet only their metric knows."""
    if family.samples:
        return sorted({label for sample in family.samples for label in sample.labels} - {"le"})
    metric = next(each for each in vars(metrics).values() if getattr(each, "_name", None) == family.name)
    return sorted(metric._labelnames)


def samples() -> set[str]:
    """Return the names of all samples."""
    return {f"{family.name}{suffix}" for family in families() for suffix in _SUFFIXES.get(family.type, ("",))}
