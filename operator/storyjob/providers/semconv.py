"""What OpenTelemetry's conventions for generative AI call the vendors; one that they do not know keeps its type."""

from __future__ import annotations

from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "gemini": "gcp.gemini",
    "google-imagen": "gcp.vertex_ai",
    "vertex-veo": "gcp.vertex_ai",
}


def gen_ai_provider(type_: str) -> str:
    """Return the value of ``gen_ai.provider.name`` for a MediaProvider's type."""
    return _NAMES.get(type_, type_)
