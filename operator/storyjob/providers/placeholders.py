"""Puts what a step asks for under the names that a model gives to its inputs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from storyjob.api.errors import InvalidInput
from storyjob.providers.base import InputFile


def merge_inputs(defaults: Mapping[str, Any], wishes: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's inputs: ``wishes`` with placeholders filled in, over the ``defaults`` nobody placed by hand.

    ``values`` maps placeholder names to what they stand for; a string of the user that is exactly ``$name`` is
    replaced wherever it stands. ``defaults`` maps input keys to placeholder names: ``{"image": "image"}``. Raises
    ``InvalidInput`` for a placeholder this step has no value for.
    """
    placed: set[str] = set()
    inputs = {key: _fill(value, values, placed, f"input.{key}") for key, value in wishes.items()}
    absent = {
        key: values[name]
        for key, name in defaults.items()
        if key not in inputs and name not in placed and values.get(name) is not None
    }
    return {**absent, **inputs}


def data_url(file: InputFile) -> str:
    """Return a file of ours as a data URL, for models that take one in place of a link."""
    return f"data:{file.content_type};base64,{base64.b64encode(file.data).decode()}"


def _fill(value: Any, values: Mapping[str, Any], placed: set[str], where: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _fill(item, values, placed, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(item, values, placed, f"{where}[{at}]") for at, item in enumerate(value)]
    if not (isinstance(value, str) and value.startswith("$") and value[1:] in values):
        return value
    name = value[1:]
    if values[name] is None:
        raise InvalidInput(f"{where} is {value}, but this step has no {name}")
    placed.add(name)
    return values[name]
