"""Every state that a StoryJob, a Scene or a MediaProvider can be in, made by the code that makes the real statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from storyjob.ambient import now
from storyjob.api.kind import MEDIAPROVIDER, SCENE, STORYJOB, Kind
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.reasons import Reason
from storyjob.api.resource import ApiModel
from storyjob.api.scene import Scene
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import key_of
from storyjob.cluster.resources import PROVIDERS
from storyjob.planning.circuit import Circuit
from storyjob.planning.clock import Clock
from storyjob.planning.ending import FilmState, Standstill, judge
from storyjob.planning.scenestatus import rolled_up
from storyjob.planning.story import plan_story
from storyjob.planning.storystatus import Facts, story_status
from storyjob.planning.validate import Problem
from storyjob.reconcile.desk import Desk
from storyjob.reconcile.providerstatus import write_provider_status
from storyjob.reconcile.world import Caches, World
from support.builders import (
    NOW,
    Make,
    a_provider,
    a_scene,
    a_step,
    a_story,
    a_view,
    at,
    capabilities,
    done,
    failed,
    metadata,
    provider_spec,
    running,
    story_scene,
    unknown,
)
from support.fake_cluster import FakeCluster

Json = dict[str, Any]
Steps = Mapping[str, Make]

ALL: Steps = {"a/image": done(), "b/image": done()}
LOST: Steps = {"a/image": done(), "b/image": unknown()}
FILM = FilmState(hash="f", done=True)
UNSEEN = {"observedGeneration": -1}
"""The status that the schema gives to what was just applied."""
CIRCUIT = Circuit(3, None, "no answer")


@dataclass(frozen=True, slots=True)
class State:
    """An object as the API server would return it, and what tools are to make of it."""

    name: str
    item: Json
    kstatus: str
    health: str
    """Argo CD's word."""


@cache
def every_state() -> tuple[State, ...]:
    """Return all states of all kinds."""
    return (*_stories(), *_scenes(), *_providers())


def _stories() -> list[State]:
    lenient: Json = {"onSceneFailure": "Skip"}
    halves: Steps = {"a/image": done(), "b/image": failed()}
    blocked = {"flux": a_provider(blocked="the Secret is not there")}
    cycle = Problem(Reason.INVALID_SPEC, "spec.scenes: a and b wait for each other")
    rows: dict[str, tuple[Json, str, str]] = {
        "pending": (_story(), "InProgress", "Progressing"),
        "processing": (_story({"a/image": running()}), "InProgress", "Progressing"),
        "held by the bucket": (_story(still=Standstill(storage="denied")), "InProgress", "Progressing"),
        "held by one provider": (
            _story({"a/image": running()}, providers=blocked),
            "InProgress",
            "Progressing",
        ),
        "of unknown outcome": (_story(LOST), "InProgress", "Progressing"),
        "out of time, collecting": (
            _story({"a/image": running()}, still=Standstill(deadline_over=True)),
            "InProgress",
            "Progressing",
        ),
        "at its film": (_story(ALL), "InProgress", "Progressing"),
        "at its film again": (_story(ALL, film=FilmState(hash="f", error="no room")), "InProgress", "Progressing"),
        "suspended": (_story(still=Standstill(suspended=True)), "InProgress", "Suspended"),
        "suspended, of unknown outcome": (_story(LOST, still=Standstill(suspended=True)), "InProgress", "Suspended"),
        "completed": (_story(ALL, film=FILM), "Current", "Healthy"),
        "completed with gaps": (_story(halves, film=FILM, spec=lenient), "Current", "Healthy"),
        "failed by a scene": (_story(halves), "Failed", "Degraded"),
        "failed by its providers": (_story(providers=blocked), "Failed", "Degraded"),
        "failed by its spec": (_story(graph=(cycle,)), "Failed", "Degraded"),
        "failed by its film": (_story(ALL, film=FilmState(hash="f", error="x", gave_up=True)), "Failed", "Degraded"),
        "failed by its deadline": (_story(still=Standstill(deadline_over=True)), "Failed", "Degraded"),
    }
    return _lives(STORYJOB, rows, _story(ALL, film=FILM))


def _story(
    steps: Steps | None = None,
    *,
    film: FilmState | None = None,
    still: Standstill | None = None,
    graph: tuple[Problem, ...] = (),
    spec: Json | None = None,
    **view: Any,
) -> Json:
    still = still or Standstill()
    story = a_story(story_scene("a"), story_scene("b"), generation=3, **(spec or {}))
    seen = a_view(story, steps or {}, now=at(60), may_buy=still == Standstill(), halted_by=still.reason, **view)
    plan = plan_story(seen)
    verdict = judge(story, plan, graph, film or FilmState(), still)
    return _wire(STORYJOB, story, story_status(seen, plan, Facts(verdict, Clock(NOW, 0), None)))


def _scenes() -> list[State]:
    made = a_step(StepPhase.SUCCEEDED)
    rows: dict[str, tuple[Json, str, str]] = {
        "pending": (_scene(), "InProgress", "Progressing"),
        "half done": (_scene(made), "InProgress", "Progressing"),
        "completed": (_scene(made, made), "Current", "Healthy"),
        "failed": (_scene(made, a_step(StepPhase.FAILED, message="no")), "Failed", "Degraded"),
        "failed, something runs": (
            _scene(a_step(StepPhase.FAILED), a_step(StepPhase.RUNNING)),
            "InProgress",
            "Progressing",
        ),
    }
    ended = (StepPhase.SUCCEEDED, StepPhase.FAILED)
    for phase in (phase for phase in StepPhase if phase not in ended):
        rows[f"with a step {phase}"] = (
            _scene(made, a_step(phase, attempt=1, message="why")),
            "InProgress",
            "Progressing",
        )
    return _lives(SCENE, rows, _scene(made, made))


def _scene(*steps: Any) -> Json:
    given = dict(zip((StepKind.IMAGE, StepKind.AUDIO), steps, strict=False))
    scene: Scene = a_scene(steps=given, generation=3)
    return _wire(SCENE, scene, rolled_up(scene, scene.status, NOW))


def _providers() -> list[State]:
    usable = _provider(None)
    soon, before = now() + timedelta(hours=1), now() - timedelta(hours=1)
    rows: dict[str, tuple[Json, str, str]] = {
        "usable": (usable, "Current", "Healthy"),
        "polled": (_provider(None, callback_url=None), "Current", "Healthy"),
        "without credentials": (_provider("there is no Secret"), "Failed", "Degraded"),
        "that cannot be": (_provider("no such host", reason=Reason.INVALID_SPEC), "Failed", "Degraded"),
        "that does not answer": (_provider(None, circuit=replace(CIRCUIT, until=soon)), "Current", "Healthy"),
        "that is tried again": (_provider(None, circuit=replace(CIRCUIT, until=before)), "Current", "Healthy"),
    }
    return _lives(MEDIAPROVIDER, rows, usable)


def _provider(
    blocked: str | None,
    *,
    reason: Reason = Reason.CREDENTIALS,
    circuit: Circuit | None = None,
    callback_url: str | None = "https://stories.example.com",
) -> Json:
    return asyncio.run(_written(blocked, reason, circuit or Circuit(), callback_url))


async def _written(blocked: str | None, reason: Reason, circuit: Circuit, callback_url: str | None) -> Json:
    """Let the operator's own code write a provider's status, and return what came of it."""
    cluster, caches, desk = FakeCluster(), Caches(), Desk(NOW)
    fresh = MediaProvider(metadata=metadata("flux", generation=3), spec=provider_spec())
    provider = MediaProvider.model_validate(cluster.put(PROVIDERS, _wire(MEDIAPROVIDER, fresh, fresh.status)))
    desk.circuits[key_of(provider)] = circuit
    world = SimpleNamespace(
        cluster=cluster,
        caches=caches,
        desk=desk,
        settings=SimpleNamespace(callback_url=callback_url),
        vendors=SimpleNamespace(blocked_by=lambda key: reason, capabilities=lambda found: capabilities()),
        events=SimpleNamespace(tell=_nothing),
        enqueue=lambda kind, key, delay: None,
    )
    await write_provider_status(cast(World, world), provider, blocked, in_flight=0)
    written: Json = cluster.objects[PROVIDERS.plural]["stories", "flux"]
    return written


async def _nothing(*_: object, **__: object) -> None:
    """Tell nobody."""


def _lives(kind: Kind, rows: Mapping[str, tuple[Json, str, str]], finished: Json) -> list[State]:
    """Return the rows as states, with those that every kind has: not seen yet, edited, being deleted."""
    meta = finished["metadata"]
    going = finished | {"metadata": meta | {"deletionTimestamp": "2026-05-04T12:00:00Z"}}
    edited = finished | {"metadata": meta | {"generation": meta["generation"] + 1}}
    common = {
        "not seen yet": (finished | {"status": UNSEEN}, "InProgress", "Progressing"),
        "edited since": (edited, "InProgress", "Progressing"),
        "being deleted": (going, "Terminating", "Progressing"),
    }
    return [State(f"{kind.name} {name}", *row) for name, row in {**rows, **common}.items()]


def _wire(kind: Kind, item: Any, status: ApiModel) -> Json:
    body = item.model_copy(update={"status": status})
    known: Json = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"apiVersion": "storyjob.dev/v1alpha1", "kind": kind.name} | known
