"""Where the control plane binaries are looked for, and what happens when two ask at once."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.local import binaries
from storyjob.local.release import binaries_home, cache_home
from storyjob.local.report import Report


def a_folder_of_programs(folder: Path, names: tuple[str, ...] = binaries.NAMES) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYJOB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


def test_nothing_is_found_where_nothing_is() -> None:
    assert binaries.find_binaries() is None


def test_the_folder_that_the_user_names_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = a_folder_of_programs(tmp_path / "assets")
    monkeypatch.setenv("PATH", str(a_folder_of_programs(tmp_path / "path")))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(named))
    found = binaries.find_binaries()
    assert found is not None
    assert found.apiserver == named / "kube-apiserver"


def test_path_wins_over_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_folder_of_programs(binaries_home())
    monkeypatch.setenv("PATH", str(a_folder_of_programs(tmp_path / "path")))
    found = binaries.find_binaries()
    assert found is not None
    assert found.etcd == tmp_path / "path" / "etcd"


def test_an_incomplete_folder_is_not_used_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What envtest's own tool installs: no controller manager.
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(a_folder_of_programs(tmp_path / "a", ("etcd", "kube-apiserver"))))
    cached = a_folder_of_programs(binaries_home())
    said = io.StringIO()
    found = binaries.find_binaries(Report(said))
    assert found is not None
    assert found.etcd.parent == cached
    assert "lacks kube-controller-manager" in said.getvalue()


def test_a_failed_download_leads_to_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_download(folder: Path, report: Report) -> None:
        raise LocalWorldError("dl.k8s.io cannot be reached")

    def built(folder: Path, report: Report) -> None:
        for name in binaries.NAMES:
            (folder / name).write_text("built")
            (folder / name).chmod(0o755)

    monkeypatch.setattr("storyjob.local.download.download_binaries", no_download)
    monkeypatch.setattr("storyjob.local.build.build_binaries", built)
    said = io.StringIO()
    assert binaries.get_binaries(Report(said)).etcd.read_text() == "built"
    assert "No download (dl.k8s.io cannot be reached)" in said.getvalue()
    assert {path.name for path in cache_home().iterdir()} == {binaries_home().name, f"{binaries_home().name}.lock"}


def test_a_build_that_fails_leaves_nothing_that_looks_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(folder: Path, report: Report) -> None:
        (folder / "etcd").write_text("half")
        raise LocalWorldError("no space left")

    monkeypatch.setenv("STORYJOB_NO_DOWNLOAD", "1")
    monkeypatch.setattr("storyjob.local.build.build_binaries", half)
    with pytest.raises(LocalWorldError, match="no space left"):
        binaries.get_binaries(Report(io.StringIO()))
    assert not binaries_home().exists()


def test_two_who_ask_at_once_build_once(monkeypatch: pytest.MonkeyPatch) -> None:
    builds = []
    both_asked = threading.Event()

    def built(folder: Path, report: Report) -> None:
        builds.append(folder)
        assert both_asked.wait(10)
        for name in binaries.NAMES:
            (folder / name).write_text("built")
            (folder / name).chmod(0o755)

    class Eavesdropper(Report):
        def line(self, text: str) -> None:
            if text.startswith("Another process"):
                both_asked.set()

    monkeypatch.setenv("STORYJOB_NO_DOWNLOAD", "1")
    monkeypatch.setattr("storyjob.local.build.build_binaries", built)
    threads = [threading.Thread(target=binaries.get_binaries, args=(Eavesdropper(io.StringIO()),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(builds) == 1
