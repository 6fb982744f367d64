"""Tries what a node of our own needs of this machine: `cd tests && python -m e2e.probe` prints what does not work."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from e2e.choice import Place, choose
from e2e.image import base, running_docker
from e2e.node import run
from e2e.programs import get_policies, get_programs, missing
from storyjob.api.errors import LocalWorldError
from storyjob.local.binaries import get_binaries
from storyjob.local.report import Report
from support.helm import get_program

_BRIDGE = "storyjob-probe"


def obstacles() -> list[str]:
    """Return why no node can run here, none when all of it was tried and works."""
    if lacking := missing():
        return lacking
    trials: dict[str, Callable[[], object]] = {
        "iptables does not work": lambda: run("iptables", "--table=nat", "--list", "--numeric"),
        "ipset does not work": lambda: run("ipset", "list", "-name"),
        "no bridge can be made": _bridge,
        "no Docker daemon starts": _daemon,
        "Debian's base cannot be made": base,
    }
    return [found for what, trial in trials.items() if (found := _failure(what, trial))]


def _failure(what: str, trial: Callable[[], object]) -> str | None:
    try:
        trial()
    except (RuntimeError, OSError, LocalWorldError, subprocess.TimeoutExpired) as error:
        return f"{what}: {' '.join(str(error).split())[-300:]}"
    return None


def _bridge() -> None:
    run("ip", "link", "add", _BRIDGE, "type", "bridge")
    run("ip", "link", "delete", _BRIDGE)


def _daemon() -> None:
    with tempfile.TemporaryDirectory(prefix="storyjob-probe-") as folder, running_docker(Path(folder) / "d") as docker:
        docker("version")


def main() -> None:
    """Print what stands in the way; else get everything that is got once."""
    place, because = choose()
    if place is Place.NODE and (found := obstacles()):
        sys.exit(f"{because}; and on a node of our own: {'; '.join(found)}")
    get_program()
    if place is Place.NODE:
        report = Report()
        get_binaries(report)
        get_programs(report)
        get_policies()


if __name__ == "__main__":
    main()
