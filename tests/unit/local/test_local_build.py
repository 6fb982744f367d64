"""What a build from source says of itself, and the module data that it starts from."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from storyjob.local import golang
from storyjob.local.build import ETCD_RECIPE, KUBERNETES_RECIPE, BuildProgress, Recipe, _write_module, version_flags
from storyjob.local.release import ETCD, KUBERNETES
from storyjob.local.report import Report, elapsed

RECIPE = Recipe("a program", "module", "out", ("example.org/cmd/one", "example.org/cmd/two"), total=10)


def progress_after(*lines: str) -> str:
    progress = BuildProgress(RECIPE)
    for line in lines:
        progress.read(line)
    return progress.text()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param((), "0 of about 10 packages compiled (0%)", id="nothing yet"),
        pytest.param(("go: downloading golang.org/x/net v0.61.0",), "1 modules downloaded", id="downloading first"),
        pytest.param(("internal/cpu", "k8s.io/api/core/v1"), "2 of about 10 packages compiled (20%)", id="compiling"),
        pytest.param(("# some/package", "x.go:1: broken"), "0 of about 10 packages compiled (0%)", id="not a package"),
        pytest.param(("a",) * 12, "12 of about 10 packages compiled (99%)", id="never 100% before the end"),
        pytest.param(("example.org/cmd/one",), "1 of about 10 packages compiled (10%)", id="one program of two"),
        pytest.param(RECIPE.packages, "linking", id="both programs compiled"),
    ],
)
def test_progress(lines: tuple[str, ...], expected: str) -> None:
    assert progress_after(*lines) == expected


def test_the_version_is_stamped_into_server_and_client() -> None:
    flags = version_flags("1.37.2")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=37" in flags


@pytest.mark.parametrize(
    ("recipe", "requirement"),
    [
        pytest.param(ETCD_RECIPE, f"go.etcd.io/etcd/server/v3 v{ETCD}", id="etcd"),
        pytest.param(KUBERNETES_RECIPE, f"k8s.io/kubernetes v{KUBERNETES}", id="kubernetes"),
    ],
)
def test_the_module_data_pin_the_release_that_we_name(recipe: Recipe, requirement: str, tmp_path: Path) -> None:
    module = _write_module(tmp_path, recipe)
    assert requirement in (module / "go.mod").read_text()
    assert re.search(rf"^{requirement} h1:", (module / "go.sum").read_text(), re.MULTILINE)
    asked = re.search(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text(), re.MULTILINE)
    assert asked is not None
    assert (int(asked[1]), int(asked[2])) <= golang.MINIMUM


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("echo go1.26.8", (1, 26), id="release"),
        pytest.param("echo go1.27rc1", (1, 27), id="candidate"),
        pytest.param("echo 'go.mod requires go >= 1.26' >&2; exit 1", (0, 0), id="too old for the module"),
    ],
)
def test_go_version(script: str, expected: tuple[int, int], tmp_path: Path) -> None:
    program = tmp_path / "go"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert golang.go_version(program, tmp_path) == expected


class Clock:
    """A clock that stands until it is told to go on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_progress_line_every_half_minute() -> None:
    stream, clock = io.StringIO(), Clock()
    report = Report(stream, clock)
    for second in range(95):
        clock.now = float(second)
        report.live(f"at {elapsed(second)}")
    assert stream.getvalue().splitlines() == ["at 0:30", "at 1:00", "at 1:30"]


def test_a_terminal_sees_one_line_redrawn() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    report = Report(stream)
    report.live("half")
    report.live("whole")
    report.line("done")
    assert stream.getvalue() == "\r\x1b[2Khalf\r\x1b[2Kwhole\r\x1b[2Kdone\n"
