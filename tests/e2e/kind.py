"""A cluster of kind's with our image in it, for machines that have Docker and reach an image registry."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.image import IMAGE, Docker

CLUSTER = "storyjob-e2e"
_SECONDS = 600.0


@dataclass(frozen=True)
class Kind:
    """A running cluster."""

    kubeconfig: Path
    host: str
    """This machine, as pods see it."""


@contextmanager
def running_kind(folder: Path) -> Iterator[Kind]:
    """Build the image, make a cluster with it, and delete both afterwards."""
    folder.mkdir(parents=True)
    kubeconfig, docker = folder / "kubeconfig", Docker()
    docker("build", "--build-arg=VERSION=e2e", f"--tag={IMAGE}", ".")
    try:
        _kind("create", "cluster", f"--kubeconfig={kubeconfig}", "--wait=180s")
        _kind("load", "docker-image", IMAGE)
        yield Kind(kubeconfig, gateway(docker("network", "inspect", "kind", "--format", GATEWAYS)))
    finally:
        _kind("delete", "cluster", f"--kubeconfig={kubeconfig}")
        docker("image", "rm", "--force", IMAGE)


GATEWAYS = "{{range .IPAM.Config}}{{println .Gateway}}{{end}}"


def gateway(printed: str) -> str:
    """Return the IPv4 gateway of a Docker network; kind's has one of IPv6, too."""
    for address in printed.split():
        if ":" not in address:
            return address
    raise ValueError(f"the network `kind` has no IPv4 gateway: {printed.strip() or 'none at all'}")


def _kind(*arguments: str) -> None:
    command = ["kind", *arguments, f"--name={CLUSTER}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}\nE2E_ON=node does without kind."
        )
