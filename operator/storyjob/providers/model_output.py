"""Finds the media in what a model returned, whose shape is each model's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from storyjob.api.outcome import Output, UrlOutput
from storyjob.api.step import StepKind
from storyjob.providers.data_url import read_data_url

_DEPTH = 8


def find_output(output: Any, step: StepKind) -> Output | None:
    """Return the media of a model's output: a string, the first of a list, or the likeliest in an object."""
    for text in _strings(output, step, _DEPTH):
        if text.startswith(("https://", "http://")):
            return UrlOutput(text)
        if text.startswith("data:") and (data := read_data_url(text)):
            return data
    return None


def _strings(value: Any, step: StepKind, depth: int) -> Iterator[str]:
    """Yield every string, likeliest first, in an order that depends on nothing but the value."""
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, list):
        for item in value:
            yield from _strings(item, step, depth - 1)
    elif depth and isinstance(value, dict):
        likely = (step.value, "output", "url", "file", f"{step.value}s", f"{step.value}_url")
        for key in sorted(value, key=lambda key: (likely.index(key) if key in likely else len(likely), key)):
            yield from _strings(value[key], step, depth - 1)
