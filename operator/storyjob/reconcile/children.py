"""Brings the Scene objects of a story in line with its scenes: makes, changes and removes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
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
from storyjob.planning.children import child_name
from storyjob.planning.validate import Problem
from storyjob.reconcile.finalize import delete_scene
from storyjob.reconcile.queue import Kind
from storyjob.reconcile.world import World

_log = logging.getLogger(__name__)

AT_ONCE = 10  # requests; more would only queue at the API server
FIRST = 3  # Scenes of a new story; what all its narrations wait for is the first one
LOOK_AGAIN_SECONDS = 1.0


async def align_children(
    world: World, story: StoryJob, specs: Sequence[SceneSpec], scenes: Mapping[str, Scene]
) -> list[Problem]:
    """Make some of what is missing, change what differs, delete what is too many; return names that others hold."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def align(spec: SceneSpec, scene: Scene | None) -> Problem | None:
        try:
            async with slots:
                if scene is None:
                    return await _create(world, story, spec)
                written = await replace_spec(world.cluster, SCENES, scene.metadata, spec.wire())
        except Invalid as error:
            # Defaults and the scene's own wish are each within bounds, but not both together.
            text = f"spec.scenes[{spec.name}] with spec.defaults merged in is refused: {error}"
            return Problem(Reason.INVALID_SPEC, text[:MESSAGE_LIMIT], spec.name)
        world.caches.scenes.put(Scene.model_validate(written))
        return None

    # Most of the time there is nothing to do, which should not cost a task for each scene.
    pairs = [(spec, scenes.get(spec.name)) for spec in specs]
    missing = [pair for pair in pairs if pair[1] is None]
    batch = AT_ONCE if scenes else FIRST
    if len(missing) > batch:
        # What the first scenes need is begun while the others are still being made.
        world.enqueue(Kind.STORY, key_of(story))
    changed = [(spec, scene) for spec, scene in pairs if scene is not None and _differs(spec, scene)]
    found = await asyncio.gather(*(align(spec, scene) for spec, scene in [*missing[:batch], *changed]))
    wanted = {spec.name for spec in specs}
    for name, scene in scenes.items():
        if name not in wanted and not scene.metadata.terminating:
            await delete_scene(world, scene)
    return [problem for problem in found if problem is not None]


def _differs(spec: SceneSpec, scene: Scene) -> bool:
    return not (scene.metadata.terminating or scene.spec == spec)


async def _create(world: World, story: StoryJob, spec: SceneSpec) -> Problem | None:
    body = _scene_body(story, spec)
    name = body["metadata"]["name"]
    try:
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
