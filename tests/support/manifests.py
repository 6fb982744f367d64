"""Manifests as users write them, small and valid; what a test is about is said by the test."""

from __future__ import annotations

from typing import Any

API_VERSION = "storyjob.dev/v1alpha1"


def a_scene(name: str = "forest", **fields: Any) -> dict[str, Any]:
    """Return a scene with a picture; a field given as None is left out."""
    scene = {"name": name, "image": {"prompt": "A fox on a hill."}} | fields
    return {key: value for key, value in scene.items() if value is not None}


def a_story(name: str = "fox", *, scenes: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a StoryJob, of one scene unless ``scenes`` are given."""
    return {
        "apiVersion": API_VERSION,
        "kind": "StoryJob",
        "metadata": {"name": name},
        "spec": {"scenes": [a_scene()] if scenes is None else scenes} | spec,
    }


def a_provider(name: str = "flux", **spec: Any) -> dict[str, Any]:
    """Return a MediaProvider."""
    credentials = {"secretRef": {"name": "keys", "key": "token"}}
    return {
        "apiVersion": API_VERSION,
        "kind": "MediaProvider",
        "metadata": {"name": name},
        "spec": {"type": "replicate", "credentials": credentials} | spec,
    }


def a_scene_object(name: str = "fox-forest-0a1b2c3d", **spec: Any) -> dict[str, Any]:
    """Return a Scene as the operator makes it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Scene",
        "metadata": {"name": name},
        "spec": {"storyRef": {"name": "fox"}, "name": "forest", "index": 0, "image": {"prompt": "A fox."}} | spec,
    }


def a_long_story(scenes: int, *, prompt: int, text: int, name: str = "saga") -> dict[str, Any]:
    """Return a story of many scenes with prompts and narrations of so many characters each."""
    return a_story(
        name,
        scenes=[
            a_scene(
                f"scene-{place:04}",
                image={"prompt": f"{place:04} ".ljust(prompt, "x")},
                audio={"text": f"{place:04} ".ljust(text, "y")},
                dependsOn=[f"scene-{place - 1:04}"] if place else None,
            )
            for place in range(scenes)
        ],
    )
