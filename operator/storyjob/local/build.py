"""Builds etcd and the Kubernetes control plane from their Go modules, for machines that reach only those."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from storyjob.local.golang import Go, get_go
from storyjob.local.orphans import die_with_parent
from storyjob.local.release import ETCD, KUBERNETES, cache_home
from storyjob.local.report import Report, elapsed


@dataclass(frozen=True, slots=True)
class Recipe:
    """One ``go build``: the folder of its go.mod, what it makes, and how much there is to compile."""

    title: str
    module: str
    output: str
    packages: tuple[str, ...]
    total: int
    """How many packages Go compiles on Linux when nothing is cached, for the progress line only."""
    ldflags: str = "-s -w"


def version_flags(version: str) -> str:
    """Return the linker flags without which Kubernetes calls itself v0.0.0-master."""
    major, minor, _ = version.split(".")
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": f"module-v{version}",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())


ETCD_RECIPE = Recipe(f"etcd {ETCD}", "etcd", "etcd", ("go.etcd.io/etcd/server/v3",), 565)
# One build for both, since they share most of their packages.
KUBERNETES_RECIPE = Recipe(
    f"kube-apiserver and kube-controller-manager {KUBERNETES}",
    "kubernetes",
    "",
    ("k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    2150,  # and some 300 that the build of etcd has left in the cache
    f"-s -w {version_flags(KUBERNETES)}",
)


def build_binaries(folder: Path, report: Report) -> None:
    """Build the three programs into ``folder``. Raises ``LocalWorldError`` with the end of Go's output."""
    report.line(
        f"Building Kubernetes {KUBERNETES} and etcd {ETCD} from source. This happens once and takes about"
        f" 10 minutes on two cores; the programs are kept in {cache_home()}."
    )
    build((ETCD_RECIPE, KUBERNETES_RECIPE), folder, report)


def build(recipes: Sequence[Recipe], folder: Path, report: Report) -> None:
    """Build what the recipes make into ``folder``. Raises ``LocalWorldError`` with the end of Go's output."""
    with tempfile.TemporaryDirectory(prefix="storyjob-build-") as workspace:
        modules = [_write_module(Path(workspace), recipe) for recipe in recipes]
        go = get_go(modules[-1], report)
        for recipe, module in zip(recipes, modules, strict=True):
            _build(go, recipe, module, folder, report)
    if go.scratch:
        shutil.rmtree(go.scratch, ignore_errors=True)


def _write_module(workspace: Path, recipe: Recipe) -> Path:
    """Lay out the go.mod and go.sum that pin every module; in the package they end in .txt.

    Under their real names they would make Go and its tools take our package for a Go module.
    """
    module = workspace / recipe.module
    module.mkdir()
    data = resources.files("storyjob.local") / "gomod" / recipe.module
    for name in ("go.mod", "go.sum"):
        (module / name).write_bytes((data / f"{name}.txt").read_bytes())
    return module


def _build(go: Go, recipe: Recipe, module: Path, folder: Path, report: Report) -> None:
    output = folder / recipe.output if recipe.output else f"{folder}{os.sep}"
    command: list[str | Path] = [go.program, "build", "-v", "-trimpath", "-ldflags", recipe.ldflags, "-o", output]
    settings = {"CGO_ENABLED": "0", "GOWORK": "off", "GO111MODULE": "on", "GOFLAGS": ""}
    process = subprocess.Popen(
        [*command, *recipe.packages],
        cwd=module,
        env={**os.environ, **settings, **go.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent(),
    )
    try:
        _follow(process, recipe, report)
    finally:
        process.terminate()
        process.wait()


def _follow(process: subprocess.Popen[bytes], recipe: Recipe, report: Report) -> None:
    """Show the build's progress until it ends."""
    started = time.monotonic()
    progress = BuildProgress(recipe)
    tail: deque[str] = deque(maxlen=20)
    for line in _lines(process):
        if line:
            tail.append(line)
            progress.read(line)
        report.live(f"Building {recipe.title}: {progress.text()}, {elapsed(time.monotonic() - started)}")
    if process.wait() != 0:
        raise LocalWorldError(f"go build of {recipe.title} failed:\n" + "\n".join(tail))
    report.line(f"Built {recipe.title} in {elapsed(time.monotonic() - started)}.")


class BuildProgress:
    """Understands what ``go build -v`` prints: modules it downloads, then packages as it compiles them."""

    _PACKAGE = re.compile(r"^[\w.\-~]+(/[\w.\-~]+)*$")

    def __init__(self, recipe: Recipe) -> None:
        self._total = recipe.total
        # A program's own package is compiled after all that it needs; then only linking is left.
        self._programs = set(recipe.packages)
        self._modules = 0
        self._packages = 0

    def read(self, line: str) -> None:
        """Take in one line of output."""
        if line.startswith("go: downloading "):
            self._modules += 1
        elif self._PACKAGE.match(line):
            self._packages += 1
            self._programs.discard(line)

    def text(self) -> str:
        """Say where the build stands."""
        if not self._programs:
            return "linking"
        if self._packages == 0 and self._modules:
            return f"{self._modules} modules downloaded"
        percent = min(99, 100 * self._packages // self._total)
        return f"{self._packages} of about {self._total} packages compiled ({percent}%)"


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines that a process prints, and an empty one each second in which it prints none."""
    if process.stdout is None:
        raise LocalWorldError("go build was started without a pipe for its output")
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=1.0):
                yield ""
                continue
            block = os.read(process.stdout.fileno(), 65536)
            if not block:
                return
            *complete, rest = (rest + block).split(b"\n")
            for line in complete:
                yield line.decode(errors="replace").strip()
