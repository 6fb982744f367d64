"""A ledger over one Scene of a cluster in memory, and what everybody does there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from storyjob.api.scene import Scene, SceneStatus, StepStatus
from storyjob.api.step import StepKind, StepPhase
from storyjob.cluster.cache import Cache, Key
from storyjob.cluster.ledger import Apply, Exact, Guard, Ledger, Owned
from storyjob.planning import step as turns
from support.builders import NOW, a_hash, a_scene, a_step
from support.scene_cluster import SceneCluster
from support.virtual_time import run

OURS, THEIRS = a_hash("our token"), a_hash("their token")
FOREST = Key("stories", "fox-forest")


@dataclass
class Desk:
    """A ledger over a cluster in memory, and what it and everybody else does there."""

    cluster: SceneCluster
    scenes: Cache[Scene] = field(default_factory=lambda: Cache[Scene]())

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.cluster, self.scenes)
        self.scenes.put(self.cluster.now())

    async def change(self, guard: Guard, apply: Apply) -> Scene:
        return await self.ledger.change(FOREST, "uid-forest", guard, apply)

    async def intend(self, kind: StepKind, token: str = OURS) -> Scene:
        return await self.change(Exact(kind, token), on(kind, lambda step: intended(step, token)))

    async def remember(self, kind: StepKind, **fields: Any) -> Scene:
        return await self.change(Owned(kind, OURS), on(kind, lambda step: step.model_copy(update=fields)))

    def somebody_writes(self, kind: StepKind, **fields: Any) -> Scene:
        """Change a step on the server without telling the cache."""
        scene = self.cluster.now()
        step = scene.step(kind).model_copy(update=fields)
        return self.cluster.write(with_step(scene, kind, step))


def on(kind: StepKind, turn: Callable[[StepStatus], StepStatus]) -> Apply:
    def apply(scene: Scene) -> SceneStatus:
        return with_step(scene, kind, turn(scene.step(kind))).status

    return apply


def with_step(scene: Scene, kind: StepKind, step: StepStatus) -> Scene:
    steps = scene.status.steps.model_copy(update={kind.value: step})
    return scene.model_copy(update={"status": scene.status.model_copy(update={"steps": steps})})


def intended(step: StepStatus, token: str) -> StepStatus:
    return turns.intend(
        step,
        token_hash=token,
        input_hash=a_hash("input"),
        allowance="first",
        provider="flux",
        model="dev",
        estimated=None,
        now=NOW,
    )


def ours(phase: StepPhase = StepPhase.SUBMITTING, **fields: Any) -> StepStatus:
    return a_step(phase, token_hash=OURS, **fields)


def play(script: Callable[[Desk], Awaitable[Any]], **steps: StepStatus) -> Desk:
    """Run a script over one Scene and return the desk afterwards."""
    desk = Desk(SceneCluster(a_scene(steps={StepKind(kind): step for kind, step in steps.items()})))

    async def main() -> None:
        await script(desk)

    run(main())
    return desk
