"""Finds what is wrong with a story that only the whole of it, and its providers, can show."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from storyjob.api.reasons import Reason
from storyjob.api.scene import SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.storyjob import StoryScene
from storyjob.planning.fallback import Wish, ways
from storyjob.planning.view import ProviderView


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person must mend; ``scene`` is None where it stops the whole story."""

    reason: Reason
    message: str
    scene: str | None = None


def source_problem(scene: str) -> str:
    """Return how every message begins that says why a scene's own file cannot be read."""
    return f"spec.scenes[{scene}].source: "


def graph_problems(scenes: Sequence[StoryScene]) -> list[Problem]:
    """Return dependencies on scenes that do not exist and circles; either stops the whole story."""
    names = {scene.name for scene in scenes}
    unknown = [
        Problem(
            Reason.UNKNOWN_SCENE,
            f'spec.scenes[{scene.name}].dependsOn names "{name}", which is not a scene of this story',
        )
        for scene in scenes
        for name in scene.depends_on
        if name not in names
    ]
    if unknown:
        return unknown
    circle = _circle({scene.name: scene.depends_on for scene in scenes})
    if circle is None:
        return []
    path = " → ".join(circle)
    return [Problem(Reason.DEPENDENCY_CYCLE, f"spec.scenes: dependsOn goes in a circle: {path}; remove one of these")]


def _circle(edges: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return one circle, or None. Iterative: a chain of 1,000 scenes is deeper than Python's stack."""
    done: set[str] = set()
    for start in edges:
        path = [start]
        trail: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
        while trail:
            node, rest = trail[-1]
            following = next((name for name in rest if name not in done), None)
            if following is None:
                done.add(node)
                trail.pop()
                path.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                trail.append((following, iter(edges[following])))
                path.append(following)
    return None


def scene_problems(
    spec: SceneSpec, providers: Mapping[str, ProviderView], made: Container[StepKind] = ()
) -> list[Problem]:
    """Return what stops one scene while the others can go on. What is ``made`` needs its provider no more."""
    found: list[Problem] = []
    for kind in spec.kinds():
        if kind in made:
            continue
        wish = spec.wish(kind)
        where = f"spec.scenes[{spec.name}].{kind}"
        if wish is None or wish.provider_ref is None or wish.model is None:
            lacks = "providerRef" if wish is None or wish.provider_ref is None else "model"
            text = f"{where} has no {lacks}; set it there or in spec.defaults.{kind}"
            found.append(Problem(Reason.INVALID_SPEC, text, spec.name))
            continue
        name = wish.provider_ref.name
        provider = providers.get(name)
        if provider is None:
            text = f'{where}.providerRef: no MediaProvider "{name}" in this namespace; create it or name another'
            found.append(Problem(Reason.PROVIDER_NOT_FOUND, text, spec.name))
        elif kind not in provider.capabilities.steps:
            text = f'{where}.providerRef: "{name}" is of type {provider.spec.type}, which makes no {kind}'
            found.append(Problem(Reason.PROVIDER_MISMATCH, text, spec.name))
        elif provider.blocked:
            found.append(Problem(provider.blocked_by, f'MediaProvider "{name}": {provider.blocked}', spec.name))
        found += _fallback_problems(spec.name, where, kind, wish, providers)
    return found


def _fallback_problems(
    scene: str, where: str, kind: StepKind, wish: Wish, providers: Mapping[str, ProviderView]
) -> list[Problem]:
    """Return fallbacks that could never stand in. One that cannot be used just now is passed over, and no problem."""
    found: list[Problem] = []
    for way in ways(wish)[1:]:
        field, provider = f"{where}.fallbacks[{way.place - 1}].providerRef", providers.get(way.provider)
        if provider is None:
            text = f'{field}: no MediaProvider "{way.provider}" in this namespace; create it or name another'
            found.append(Problem(Reason.PROVIDER_NOT_FOUND, text, scene))
        elif kind not in provider.capabilities.steps:
            text = f'{field}: "{way.provider}" is of type {provider.spec.type}, which makes no {kind}'
            found.append(Problem(Reason.PROVIDER_MISMATCH, text, scene))
    return found
