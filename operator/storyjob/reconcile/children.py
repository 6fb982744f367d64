"""Brings the Scene objects of a story in line with its scenes: makes, changes and removes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from storyjob.api.conditions import MESSAGE_LIMIT
from storyjob.api.reasons import Reason
from storyjob.api.resource import API_VERSION, JOBS_FINALIZER, SCENE_LABEL, STORY_LABEL
from storyjob.api.scene import Scene, SceneSpec
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import key_of
from storyjob.cluster.errors import Conflict, Invalid, NotFound
from storyjob.cluster.objects import replace_spec
from storyjob.cluster.resources import SCENES
from storyjob.killpoint import Act, crossing
from storyjob.planning.children import child_name
from storyjob.planning.validate import Problem
from storyjob.reconcile.finalize import delete_scene
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

AT_ONCE = 10  # requests; more would only queue at the API server
FIRST = 1  # Scene of a new story: what all its narrations wait for is the first one
LOOK_AGAIN_SECONDS = 1.0


Work = Callable[[World, StoryJob, SceneSpec], Awaitable[Problem | None]]


async def align_children(
    world: World, story: StoryJob, specs: Sequence[SceneSpec], scenes: Mapping[str, Scene]
) -> list[Problem]:
    """Change the Scenes that differ, delete those that are too many; return what keeps any from being as it should."""
    # Most of the time there is nothing to do, which should not cost a task for each scene.
    changed = [spec for spec in specs if (scene := scenes.get(spec.name)) is not None and _differs(spec, scene)]
    await _each(world, story, changed, _change)
    wanted = {spec.name for spec in specs}
    for name, scene in scenes.items():
        if name not in wanted and not scene.metadata.terminating:
            await delete_scene(world, scene)
    return [problem for name, problem in world.desk.refused.get(story.metadata.uid, {}).items() if name in wanted]


async def make_children(world: World, story: StoryJob, specs: Sequence[SceneSpec], scenes: Mapping[str, Scene]) -> None:
    """Make some of the Scenes that are missing, in story order, and have the story looked at again.

    What the Scenes that are there need was decided before, so that the first narration waits for no other Scene.
    """
    refused = dict(world.desk.refused.get(story.metadata.uid, {}))
    missing = [spec for spec in specs if spec.name not in scenes]
    new = [spec for spec in missing if spec.name not in refused]
    if scenes and missing:
        await world.traffic.give_way()
    some = (new or missing)[: AT_ONCE if scenes else FIRST]
    await _each(world, story, some, _create)
    made = len(world.scenes_of(story)) > len(scenes)
    if made or refused != world.desk.refused.get(story.metadata.uid, {}):
        world.enqueue(Kind.STORY, key_of(story))


async def _each(world: World, story: StoryJob, specs: Sequence[SceneSpec], work: Work) -> None:
    """Do it for each, so many at once, and note what was refused."""
    if not specs:
        return
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(spec: SceneSpec) -> Problem | None:
        async with slots:
            try:
                return await work(world, story, spec)
            except Invalid as error:
                # Defaults and the scene's own wish are each within bounds, but not both together.
                text = f"spec.scenes[{spec.name}] with spec.defaults merged in is refused: {error}"
                return Problem(Reason.INVALID_SPEC, text[:MESSAGE_LIMIT], spec.name)

    found = await asyncio.gather(*(one(spec) for spec in specs))
    refused = world.desk.refused.setdefault(story.metadata.uid, {})
    for spec, problem in zip(specs, found, strict=True):
        refused.pop(spec.name, None)
        if problem is not None:
            refused[spec.name] = problem


async def _change(world: World, story: StoryJob, spec: SceneSpec) -> None:
    for scene in world.scenes_of(story):
        if scene.spec.name == spec.name and _differs(spec, scene):
            written = await replace_spec(world.cluster, SCENES, scene.metadata, spec.wire())
            world.caches.scenes.put(Scene.model_validate(written))


def _differs(spec: SceneSpec, scene: Scene) -> bool:
    return not (scene.metadata.terminating or scene.spec == spec)


async def _create(world: World, story: StoryJob, spec: SceneSpec) -> Problem | None:
    body = _scene_body(story, spec)
    name = body["metadata"]["name"]
    try:
        with crossing(Act.CHILDREN):
            created = await world.cluster.create(SCENES, story.metadata.namespace, body)
    except Conflict:
        return await _taken(world, story, spec, name)
    world.caches.scenes.put(Scene.model_validate(created))
    return None


async def _taken(world: World, story: StoryJob, spec: SceneSpec, name: str) -> Problem | None:
    """The name exists: ours and alive is a success, going is a wait, anybody else's is a problem."""
    story_key = key_of(story)
    try:
        found = Scene.model_validate(await world.cluster.get(SCENES, story.metadata.namespace, name))
    except NotFound:
        world.enqueue(Kind.STORY, story_key, LOOK_AGAIN_SECONDS)
        return None
    if found.metadata.terminating:
        world.enqueue(Kind.STORY, story_key, LOOK_AGAIN_SECONDS)
        return None
    if found.metadata.controller_uid() == story.metadata.uid:
        world.caches.scenes.put(found)
        return None
    world.desk.name_conflicts[key_of(found)] = story_key
    text = f'spec.scenes[{spec.name}]: the Scene "{name}" belongs to somebody else; delete it or rename the scene'
    return Problem(Reason.NAME_CONFLICT, text, spec.name)


def _scene_body(story: StoryJob, spec: SceneSpec) -> dict[str, Any]:
    """Return the Scene to create. Own labels only: GitOps tools track objects by the labels of their parents."""
    meta = story.metadata
    return {
        "apiVersion": API_VERSION,
        "kind": "Scene",
        "metadata": {
            "name": child_name(meta.name, spec.name),
            "namespace": meta.namespace,
            "labels": {STORY_LABEL: meta.name, SCENE_LABEL: spec.name},
            "finalizers": [JOBS_FINALIZER],
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "StoryJob",
                    "name": meta.name,
                    "uid": meta.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": spec.wire(),
    }
