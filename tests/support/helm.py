"""Helm 3 for tests: the one on the PATH, else from our cache, else downloaded, else built from its Go module.

`python -m support.helm …` is that Helm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from storyjob.local.golang import get_go
from storyjob.local.lock import exclusive
from storyjob.local.release import KUBERNETES, architecture, cache_home, operating_system
from storyjob.local.report import Report
from support.controlplane import PROJECT

Json = dict[str, Any]

VERSION = "3.22.0"
CHART = PROJECT / "charts" / "storyjob"
PLACES = CHART / "ci"
"""Values for the kinds of places that the chart is installed at, each complete."""
_MODULE = "helm.sh/helm/v3"
_BUILD_SECONDS = 1800.0


class HelmError(Exception):
    """Helm refused; its own words."""


@dataclass(frozen=True)
class Helm:
    """Runs Helm without touching the user's own configuration."""

    program: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, *arguments: str | Path, seconds: float = 60) -> str:
        """Return what Helm prints. Raises ``HelmError``."""
        folders = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **folders, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise HelmError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def template(self, *arguments: str, values: Path | None = None, namespace: str = "story") -> list[Json]:
        """Return the manifests of a release named `film`. ``arguments`` are such as ``--set=replicas=2``."""
        files = ("--values", values) if values else ("--set=s3.bucket=films",)
        text = self("template", "film", CHART, "--namespace", namespace, *files, *arguments)
        return [document for document in yaml.safe_load_all(text) if document]


def prepare(session: pytest.Session) -> None:
    """Get Helm before the first test that needs it, outside its time limit: building it takes minutes."""
    needed = any("helm" in getattr(item, "fixturenames", ()) for item in session.items)
    if needed and not session.config.option.collectonly:
        get_program()


def get_program() -> Path:
    """Return Helm, getting it where there is none."""
    if own := shutil.which("helm"):
        return Path(own)
    folder = cache_home() / f"helm-{VERSION}-{operating_system()}-{architecture()}"
    program = folder / "helm"
    report = Report()
    with exclusive(folder.with_name(f"{folder.name}.lock"), lambda: report.line("Another process gets Helm.")):
        if not program.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".helm-", dir=folder.parent) as scratch:
                found = _download(Path(scratch)) or _build(Path(scratch), report)
                found.rename(program)
    return program


def _download(folder: Path) -> Path | None:
    """Return the released program, checked against its published SHA-256; None where it cannot be had."""
    name = f"helm-v{VERSION}-{operating_system()}-{architecture()}"
    url = f"https://get.helm.sh/{name}.tar.gz"
    if os.environ.get("STORYJOB_NO_DOWNLOAD"):
        return None
    try:
        with httpx.Client(timeout=30, follow_redirects=True) as http:
            archive = http.get(url).raise_for_status().content
            expected = http.get(f"{url}.sha256").raise_for_status().text.split()[0]
    except httpx.HTTPError:
        return None
    if hashlib.sha256(archive).hexdigest() != expected:
        raise HelmError(f"{url} is not what its published SHA-256 says")
    packed = folder / "helm.tar.gz"
    packed.write_bytes(archive)
    with tarfile.open(packed) as tar:
        member = tar.extractfile(f"{name.removeprefix(f'helm-v{VERSION}-')}/helm")
        if member is None:
            raise HelmError(f"{url} holds no helm")
        (folder / "helm").write_bytes(member.read())
    (folder / "helm").chmod(0o755)
    return folder / "helm"


def _build(folder: Path, report: Report) -> Path:
    report.line(f"Building Helm {VERSION} from its Go module; this happens once and takes minutes.")
    (folder / "go.mod").write_text("module probe\n\ngo 1.26\n")
    go = get_go(folder, report)
    # What Helm takes for the cluster's version where it has none to ask.
    major, minor, _ = KUBERNETES.split(".")
    known = {
        f"{_MODULE}/internal/version.version": f"v{VERSION}",
        **{f"{_MODULE}/pkg/{where}.k8sVersionMajor": major for where in ("chartutil", "lint/rules")},
        **{f"{_MODULE}/pkg/{where}.k8sVersionMinor": minor for where in ("chartutil", "lint/rules")},
    }
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in known.items())])
    done = subprocess.run(
        [go.program, "install", "-trimpath", "-ldflags", flags, f"{_MODULE}/cmd/helm@v{VERSION}"],
        env={**os.environ, **go.environment, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise HelmError(f"helm cannot be built: {done.stderr[-2000:]}")
    return folder / "helm"


if __name__ == "__main__":
    sys.exit(subprocess.call([get_program(), *sys.argv[1:]]))
