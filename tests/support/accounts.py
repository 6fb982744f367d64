"""How the simulator knows each provider type: by which name, which is also its base path, and with which key."""

from __future__ import annotations

from storyjob.simulator.settings import DEFAULT_KEYS

KEYS = {vendor: min(keys) for vendor, keys in DEFAULT_KEYS.items()}
_NAMES = {"google-imagen": "vertex", "vertex-veo": "vertex", "http": "replicate"}
"""Where it is not called as the type."""


def vendor_of(type_: str) -> str:
    """Return the simulator's name of the vendor that a provider type speaks to."""
    return _NAMES.get(type_, type_)
