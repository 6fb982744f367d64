"""Downloads are believed only when their checksum is the published one."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import httpx
import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.local import download
from storyjob.local.release import ETCD
from storyjob.local.report import Report

SERVER = b"\x7fELF kube"
RELEASE = f"etcd-v{ETCD}-linux-amd64"


def etcd_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo(f"{RELEASE}/etcd")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"ETCD"))
    return buffer.getvalue()


ARCHIVE = etcd_archive()


def a_mirror(*, tampered: str | None = None, down: bool = False) -> httpx.MockTransport:
    """Answer as dl.k8s.io and GitHub would."""

    def answer(request: httpx.Request) -> httpx.Response:
        if down:
            raise httpx.ConnectError("Name or service not known", request=request)
        name = request.url.path.rpartition("/")[2]
        if name == "SHA256SUMS":
            return httpx.Response(200, text=f"{'0' * 64}  other.zip\n{hash_of(ARCHIVE)}  {RELEASE}.tar.gz\n")
        if name.endswith(".sha256"):
            return httpx.Response(200, text=f"{hash_of(SERVER)}\n")
        content = ARCHIVE if name.startswith("etcd") else SERVER
        return httpx.Response(200, content=b"evil" if name == tampered else content)

    return httpx.MockTransport(answer)


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORYJOB_NO_DOWNLOAD", raising=False)
    monkeypatch.setattr(download, "operating_system", lambda: "linux")
    monkeypatch.setattr(download, "architecture", lambda: "amd64")


def fetch(folder: Path, mirror: httpx.MockTransport, monkeypatch: pytest.MonkeyPatch) -> str:
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=mirror))
    said = io.StringIO()
    download.download_binaries(folder, Report(said))
    return said.getvalue()


def test_what_matches_its_checksum_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(tmp_path, a_mirror(), monkeypatch)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == {"etcd": b"ETCD", "kube-apiserver": SERVER, "kube-controller-manager": SERVER}
    assert all(path.stat().st_mode & 0o111 for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["kube-apiserver", f"{RELEASE}.tar.gz"])
def test_a_tampered_file_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalWorldError, match="is published"):
        fetch(tmp_path, a_mirror(tampered=name), monkeypatch)
    assert not (tmp_path / name).exists()


def test_without_a_network_the_reason_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalWorldError) as failure:
        fetch(tmp_path, a_mirror(down=True), monkeypatch)
    assert str(failure.value) == "dl.k8s.io cannot be reached: Name or service not known"


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYJOB_NO_DOWNLOAD", "1")
    with pytest.raises(LocalWorldError, match="STORYJOB_NO_DOWNLOAD is set"):
        fetch(tmp_path, a_mirror(), monkeypatch)


def test_a_platform_without_official_binaries_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "operating_system", lambda: "darwin")
    with pytest.raises(LocalWorldError, match="darwin/amd64"):
        fetch(tmp_path, a_mirror(), monkeypatch)
