"""Where the manifests lie that come with us: beside the source in a checkout, inside the package when installed."""

from __future__ import annotations

from pathlib import Path
from string import Template

from storyjob.api.errors import LocalWorldError

_PACKAGED = Path(__file__).parent / "assets"
_CHECKOUT = Path(__file__).parents[3]


def asset(name: str) -> Path:
    """Return the path of one of our manifests or folders of them, such as ``crds``. Raises ``LocalWorldError``."""
    for home in (_PACKAGED, _CHECKOUT):
        if (home / name).exists():
            return home / name
    raise LocalWorldError(f"{name} is missing from this installation ({_CHECKOUT / name})")


def crds() -> Path:
    """Return the folder of our three CustomResourceDefinitions."""
    return asset("crds")


def demo_story() -> Path:
    """Return the story that the demo films when none is named."""
    return asset("examples/fox-and-moon.yaml")


def demo_providers(simulator_url: str) -> str:
    """Return the demo's MediaProviders and their Secret, pointed at a running simulator."""
    template = asset("examples/demo/providers.yaml").read_text(encoding="utf-8")
    return Template(template).safe_substitute(SIMULATOR_URL=simulator_url)
