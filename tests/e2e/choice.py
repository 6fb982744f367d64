"""Decides where the end-to-end tests run: on the user's cluster, on kind, or on a node of our own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from enum import StrEnum

from support.controlplane import PROJECT

_PULL_SECONDS = 300.0
_ANSWER_SECONDS = 20.0


class Place(StrEnum):
    """Where a cluster with nodes comes from."""

    CLUSTER = "cluster"
    KIND = "kind"
    NODE = "node"


def choose() -> tuple[Place, str]:
    """Return the place and why it is this one. ``E2E_KUBECONFIG`` names a cluster, ``E2E_ON`` one of the others."""
    if "E2E_KUBECONFIG" in os.environ:
        return Place.CLUSTER, "E2E_KUBECONFIG is set"
    if asked := os.environ.get("E2E_ON"):
        if asked not in (Place.KIND, Place.NODE):
            raise ValueError(f"E2E_ON={asked}: it may be {Place.KIND} or {Place.NODE}")
        return Place(asked), f"E2E_ON is {asked}"
    if reason := no_kind():
        return Place.NODE, reason
    return Place.KIND, "Docker, kind and their images are here"


def no_kind() -> str | None:
    """Return why kind cannot be used, None when it can."""
    if sys.platform != "linux":
        return "not on Linux: Docker's network cannot reach the bucket of the tests"
    missing = [name for name in ("docker", "kind") if shutil.which(name) is None]
    if missing:
        return f"no {' and no '.join(missing)} on the PATH"
    if not _works(_ANSWER_SECONDS, "docker", "version"):
        return "no Docker daemon answers"
    image = base_image()
    if not _works(_ANSWER_SECONDS, "docker", "image", "inspect", image) and not _works(
        _PULL_SECONDS, "docker", "pull", "--quiet", image
    ):
        return f"the image {image} is not here and cannot be pulled"
    return None


def base_image() -> str:
    """Return the image that the Dockerfile begins with: where it can be had, kind's can be had too."""
    found = re.search(r"^ARG BASE=(\S+)$", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError("the Dockerfile names no BASE")
    return found[1]


def _works(seconds: float, *command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=seconds, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
