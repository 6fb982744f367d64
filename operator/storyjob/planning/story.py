"""Decides what a story needs next: which steps to look up, to offer to their provider, or to let wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from storyjob.api.mediaprovider import ProviderType
from storyjob.api.reasons import Reason
from storyjob.api.scene import Scene, SceneSpec
from storyjob.api.step import StepKind
from storyjob.api.wishes import AudioRequest
from storyjob.planning.cost import estimate
from storyjob.planning.desire import Desire, Standing, desire
from storyjob.planning.fallback import Wish, choose, ways
from storyjob.planning.halt import REFUSALS
from storyjob.planning.hashing import maker
from storyjob.planning.plan import Offer, SceneView, Search, StoryPlan
from storyjob.planning.turns import Turns
from storyjob.planning.validate import Problem, scene_problems, source_problem
from storyjob.planning.view import ProviderView, StepId, StoryView


def plan_story(view: StoryView) -> StoryPlan:
    """Decide what every step of the story needs next. Acting twice on the same answer is harmless."""
    plan = StoryPlan([_scene_view(view, spec) for spec in view.specs])
    turns = Turns(view, {v.spec.name: v for v in plan.views})
    claimed: set[str] = set()
    for kind in StepKind:
        for scene_view, wish in _of_kind(plan, kind):
            _plan_step(view, plan, turns, claimed, scene_view, wish)
    place = {spec.name: index for index, spec in enumerate(view.specs)}
    # The first narration is what everything waits for.
    plan.searches.sort(key=lambda search: (place[search.scene], search.step.kind is not StepKind.AUDIO))
    return plan


def _scene_view(view: StoryView, spec: SceneSpec) -> SceneView:
    scene = view.scenes.get(spec.name)
    desires = _desires(view, spec, scene) if scene is not None else {}
    made = [kind for kind, wish in desires.items() if wish.standing is Standing.DONE]
    problems = scene_problems(spec, view.providers, made)
    if scene is not None and (error := view.source_errors.get(scene.metadata.uid)) is not None:
        problems.append(Problem(Reason.SOURCE, source_problem(spec.name) + error, spec.name))
    return SceneView(spec, scene, desires, problems)


def _desires(view: StoryView, spec: SceneSpec, scene: Scene) -> dict[StepKind, Desire]:
    found: dict[StepKind, Desire] = {}
    for kind in spec.kinds():  # the picture comes first: a clip may start from it
        if makers := _makers(spec, kind, view.providers):
            found[kind] = desire(view.story, spec, scene, kind, makers, found.get(StepKind.IMAGE), hashes=view.hashes)
    return found


def _makers(spec: SceneSpec, kind: StepKind, providers: Mapping[str, ProviderView]) -> Sequence[str]:
    """Return what stands for a step's provider; one for every type where it is gone; none where nobody is named."""
    request = spec.wish(kind)
    if request is None or request.provider_ref is None or request.model is None:
        return []
    name = request.provider_ref.name
    provider = providers.get(name)
    types = list(ProviderType) if provider is None else [provider.spec.type]
    return [maker(type_, name) for type_ in types]


def _of_kind(plan: StoryPlan, kind: StepKind) -> Iterator[tuple[SceneView, Desire]]:
    for scene_view in plan.views:
        if (wish := scene_view.desires.get(kind)) is not None:
            yield scene_view, wish


def _plan_step(
    view: StoryView, plan: StoryPlan, turns: Turns, claimed: set[str], scene_view: SceneView, wish: Desire
) -> None:
    scene = scene_view.scene
    if scene is None or wish.standing is not Standing.WANTED or wish.input_hash is None or wish.allowance is None:
        return
    step = StepId(scene.metadata.uid, wish.kind)
    if step in view.busy or scene_view.problems:
        return
    if step in view.searching or (view.may_buy and _search(plan, view, scene_view.spec, step, wish.input_hash)):
        # Whether a narration must be bought is not known yet, so those after it may not overtake it.
        turns.take(wish.kind, only=StepKind.AUDIO)
        return
    shared = wish.input_hash in claimed or wish.input_hash in view.being_bought
    reason = turns.why_wait(scene_view, wish, plan) or (Reason.SAME_INPUT if shared else None)
    after = turns.turn_after(wish, plan) if reason is Reason.TURN and not shared else frozenset()
    if reason is not None:
        plan.waiting[step] = reason
        if not after:
            return
    claimed.add(wish.input_hash)
    offer = _offer(view, scene_view.spec, step, wish, wish.input_hash, wish.allowance)
    if after:
        plan.successors.append(replace(offer, after=after))
        return
    turns.take(wish.kind)
    plan.offers.append(offer)
    _note_halts(view, plan, scene_view.spec, offer)


def _note_halts(view: StoryView, plan: StoryPlan, spec: SceneSpec, offer: Offer) -> None:
    """Say why an offer is not taken now; look again when whoever is stood in for is to be tried again."""
    provider, name = view.providers.get(offer.provider), offer.provider
    if provider is not None and provider.blocked is not None:
        plan.waiting[offer.step] = provider.blocked_by
    elif provider is not None and provider.halted_by is not None:
        plan.waiting[offer.step] = provider.halted_by
        if provider.halt is not None:
            plan.halts[name] = Problem(provider.halted_by, f'MediaProvider "{name}": {provider.halt}')
    request = spec.wish(offer.step.kind)
    if offer.way > offer.fallback and request is not None:
        first = view.providers.get(ways(request)[offer.fallback].provider)
        if first is not None and first.halted_until is not None:
            plan.wake(first.halted_until)


def _search(plan: StoryPlan, view: StoryView, spec: SceneSpec, step: StepId, wanted: str) -> bool:
    """Plan a look into the bucket, or taking over what it found; False when there is nothing to find."""
    if spec.cache == "Bypass":
        return False
    known = view.look_ups.get(step)
    if known is not None and known.input_hash == wanted:
        if known.found:
            plan.searches.append(Search(step, spec.name, wanted, found=True))
        return known.found
    plan.searches.append(Search(step, spec.name, wanted))
    return True


def _offer(view: StoryView, spec: SceneSpec, step: StepId, wish: Desire, wanted: str, allowance: str) -> Offer:
    request = spec.wish(wish.kind)
    chosen = choose(request, wish.step, allowance, view.providers, wish.kind, view.now) if request else None
    provider = view.providers.get(chosen[0].provider) if chosen else None
    if request is None or chosen is None or provider is None:
        raise ValueError(f"scene {spec.name}: {wish.kind} was planned without a provider")
    meta, (way, fallback) = view.story.metadata, chosen
    return Offer(
        step=step,
        scene=spec.name,
        provider=way.provider,
        input_hash=wanted,
        allowance=allowance,
        estimated=estimate(provider.spec.prices, way.model, characters=_characters(request)),
        order=(-view.story.spec.priority, meta.creation_timestamp, meta.name, spec.index),
        way=way.place,
        fallback=fallback,
        refused=wish.step.reason in REFUSALS,
    )


def price_of(provider: ProviderView, spec: SceneSpec, kind: StepKind) -> Decimal | None:
    """Return what one step should cost, None where the provider names no price."""
    request = spec.wish(kind)
    if request is None or request.model is None:
        return None
    return estimate(provider.spec.prices, request.model, characters=_characters(request))


def _characters(request: Wish) -> int:
    return len(request.text) if isinstance(request, AudioRequest) else 0
