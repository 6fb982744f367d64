"""Finds the three control plane binaries, or gets them: official downloads first, then a build from source."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.local import build, download
from storyjob.local.lock import exclusive
from storyjob.local.release import KUBERNETES, binaries_home
from storyjob.local.report import Report

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager")


@dataclass(frozen=True, slots=True)
class Binaries:
    """The three programs of a control plane, all from one place so that their versions fit."""

    etcd: Path
    apiserver: Path
    controller_manager: Path


def find_binaries(report: Report | None = None) -> Binaries | None:
    """Return what is there already: from ``KUBEBUILDER_ASSETS``, PATH or our cache, in this order."""
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        folder = Path(assets).expanduser().absolute()
        if found := _in_folder(folder):
            return found
        if report:
            missing = ", ".join(name for name in NAMES if not _is_program(folder / name))
            report.line(f"KUBEBUILDER_ASSETS={assets} is not used: it lacks {missing}.")
    return _on_path() or _in_folder(binaries_home())


def get_binaries(report: Report) -> Binaries:
    """Return the binaries, fetching or building them where there are none.

    Raises ``LocalWorldError`` when nothing works; its message tells the last reason.
    """
    if found := find_binaries(report):
        return found
    home = binaries_home()

    def waiting() -> None:
        report.line(f"Another process is getting Kubernetes {KUBERNETES}; waiting for it.")

    with exclusive(home.with_name(f"{home.name}.lock"), waiting):
        if found := _in_folder(home):
            return found
        with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as staging:
            _obtain(Path(staging), report)
            _publish(Path(staging), home)
    found = _in_folder(home)
    if found is None:
        raise LocalWorldError(f"{home} lacks a program after it was made; remove the folder and try again.")
    report.line(f"Kubernetes {KUBERNETES} is in {home}.")
    return found


def _obtain(folder: Path, report: Report) -> None:
    try:
        download.download_binaries(folder, report)
    except LocalWorldError as error:
        report.line(f"No download ({error}); building from source instead.")
        build.build_binaries(folder, report)


def _publish(staging: Path, home: Path) -> None:
    """Move the finished programs to their place at once, so that nobody ever sees half of them."""
    complete = staging / "complete"
    complete.mkdir(mode=0o755)
    for name in NAMES:
        (staging / name).rename(complete / name)
    shutil.rmtree(home, ignore_errors=True)
    complete.rename(home)


def _on_path() -> Binaries | None:
    found = [shutil.which(name) for name in NAMES]
    paths = [Path(path).absolute() for path in found if path]
    return Binaries(*paths) if len(paths) == len(NAMES) else None


def _in_folder(folder: Path) -> Binaries | None:
    paths = [folder / name for name in NAMES]
    return Binaries(*paths) if all(_is_program(path) for path in paths) else None


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
