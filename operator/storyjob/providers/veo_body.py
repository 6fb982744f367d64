"""Writes what Veo is asked for: the clip's prompt and still, and everything the user set, where each belongs."""

from __future__ import annotations

import base64
from typing import Any

from storyjob.api.errors import InvalidInput
from storyjob.providers.answers import JsonObject
from storyjob.providers.base import Request

_INSTANCE_KEYS = ("lastFrame", "video", "referenceImages", "mask")


def veo_body(request: Request, inputs: dict[str, Any], output_prefix: str | None) -> JsonObject:
    """Return the body; ``output_prefix`` is where the clip is written, None for in the answer. Uses up ``inputs``."""
    if "storageUri" in inputs:
        raise InvalidInput(
            "input.storageUri is not supported, as each attempt needs a place of its own: set spec.output.gcsPrefix of "
            "the MediaProvider"
        )
    instance: dict[str, Any] = {"prompt": request.text}
    if request.image:
        encoded = base64.b64encode(request.image.data).decode()
        instance["image"] = {"bytesBase64Encoded": encoded, "mimeType": request.image.content_type}
    instance |= {key: inputs.pop(key) for key in _INSTANCE_KEYS if key in inputs}
    body: JsonObject = {"instances": [instance]}
    if "labels" in inputs:
        body["labels"] = inputs.pop("labels")
    # One clip: a step uses one, and every sample is charged.
    parameters: dict[str, Any] = {"sampleCount": 1}
    if request.seed is not None:
        parameters["seed"] = request.seed
    if output_prefix is not None:
        parameters["storageUri"] = output_prefix
    return {**body, "parameters": {**parameters, **inputs}}
