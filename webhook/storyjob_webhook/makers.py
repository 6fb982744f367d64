"""Who makes what a request does not say: the MediaProviders of the namespace that are marked as the default.

Like a default StorageClass: an annotation on a MediaProvider names the model, and thereby makes that provider the one
that stories of the HTTP API use for this kind of media when they name none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storyjob.api.resource import GROUP
from storyjob.api.step import StepKind
from storyjob_webhook.refusal import Refusal

VOICE_ANNOTATION = f"{GROUP}/default-audio-voice"


def model_annotation(kind: StepKind) -> str:
    """Return the annotation that makes a MediaProvider the default for one kind of media."""
    return f"{GROUP}/default-{kind}-model"


def incomplete(defaults: Mapping[str, Any], kinds: Sequence[StepKind]) -> list[StepKind]:
    """Return the kinds for which the request does not say both provider and model."""
    return [kind for kind in kinds if not _said(defaults.get(kind.value) or {})]


def complete(
    defaults: Mapping[str, Any], kinds: Sequence[StepKind], providers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the defaults with provider and model for every kind. Raises a 422 ``Refusal`` that names the field."""
    completed = dict(defaults)
    for kind in kinds:
        completed[kind.value] = _complete(kind, completed.get(kind.value) or {}, providers)
    return completed


def _said(maker: Mapping[str, Any]) -> bool:
    return bool(maker.get("providerRef") and maker.get("model"))


def _complete(kind: StepKind, maker: Mapping[str, Any], providers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    wanted = (maker.get("providerRef") or {}).get("name")
    marked = {
        provider["metadata"]["name"]: annotations
        for provider in providers
        if model_annotation(kind) in (annotations := provider["metadata"].get("annotations") or {})
    }
    if wanted is not None:
        marked = {name: annotations for name, annotations in marked.items() if name == wanted}
    if len(marked) != 1:
        raise _undecided(kind, wanted, sorted(marked))
    [(name, annotations)] = marked.items()
    found = {"providerRef": {"name": name}, "model": annotations[model_annotation(kind)]}
    if kind is StepKind.AUDIO and VOICE_ANNOTATION in annotations:
        found["voice"] = annotations[VOICE_ANNOTATION]
    return found | dict(maker)


def _undecided(kind: StepKind, wanted: str | None, marked: Sequence[str]) -> Refusal:
    mark = model_annotation(kind)
    if wanted is not None:
        field, why = f"{kind}.model", f"name a model, or annotate the MediaProvider {wanted} with {mark}"
    elif marked:
        field, why = f"{kind}.provider", f"name one: {', '.join(marked)} all carry the annotation {mark}"
    else:
        field, why = f"{kind}.provider", f"name provider and model, or annotate one MediaProvider with {mark}"
    return Refusal(422, "InvalidRequest", f"{field}: {why}", field=field)
