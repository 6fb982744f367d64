"""Downloads the official releases of Kubernetes and etcd, each checked against its published SHA-256."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from storyjob.api.errors import LocalWorldError
from storyjob.local.release import ETCD, KUBERNETES, architecture, operating_system
from storyjob.local.report import Report

SERVER_PLATFORMS = frozenset({("linux", "amd64"), ("linux", "arm64")})
"""What both projects publish server binaries for; there is no official kube-apiserver for macOS."""

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_MEBIBYTE = 1024 * 1024


def download_binaries(folder: Path, report: Report) -> None:
    """Fetch the three binaries into ``folder``. Raises ``LocalWorldError`` with the reason in one line."""
    download_kubernetes(("kube-apiserver", "kube-controller-manager"), folder, report)
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as http:
        _download_etcd(http, folder, report)


def download_kubernetes(names: Sequence[str], folder: Path, report: Report) -> None:
    """Fetch these of Kubernetes' programs into ``folder``. Raises ``LocalWorldError`` with the reason in one line."""
    if os.environ.get("STORYJOB_NO_DOWNLOAD"):
        raise LocalWorldError("STORYJOB_NO_DOWNLOAD is set")
    platform = (operating_system(), architecture())
    if platform not in SERVER_PLATFORMS:
        raise LocalWorldError(f"there are no official server binaries for {'/'.join(platform)}")
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True) as http:
        _download_kubernetes(http, names, folder, report)


def _download_kubernetes(http: httpx.Client, names: Sequence[str], folder: Path, report: Report) -> None:
    base = f"https://dl.k8s.io/v{KUBERNETES}/bin/{operating_system()}/{architecture()}"
    for name in names:
        url = f"{base}/{name}"
        _download(http, url, _text(http, f"{url}.sha256").strip(), folder / name, report)
        (folder / name).chmod(0o755)


def _download_etcd(http: httpx.Client, folder: Path, report: Report) -> None:
    base = f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}"
    release = f"etcd-v{ETCD}-{operating_system()}-{architecture()}"
    archive = folder / f"{release}.tar.gz"
    expected = published_checksum(_text(http, f"{base}/SHA256SUMS"), archive.name)
    _download(http, f"{base}/{archive.name}", expected, archive, report)
    unpack_etcd(archive, release, folder / "etcd")
    archive.unlink()


def published_checksum(sums: str, name: str) -> str:
    """Return the checksum of ``name`` in the text of a ``sha256sum`` file."""
    for line in sums.splitlines():
        digest, _, file = line.partition(" ")
        if file.strip().lstrip("*") == name:
            return digest
    raise LocalWorldError(f"SHA256SUMS does not name {name}")


def unpack_etcd(archive: Path, release: str, target: Path) -> None:
    """Write the one program that we need out of etcd's release archive to ``target``."""
    with tarfile.open(archive) as tar:
        try:
            program = tar.extractfile(f"{release}/etcd")
        except KeyError:
            program = None
        if program is None:
            raise LocalWorldError(f"{archive.name} holds no {release}/etcd")
        target.write_bytes(program.read())
    target.chmod(0o755)


def _text(http: httpx.Client, url: str) -> str:
    try:
        answer = http.get(url)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise LocalWorldError(_reason(url, error)) from error
    return answer.text


def _download(http: httpx.Client, url: str, expected: str, target: Path, report: Report) -> None:
    """Stream ``url`` to ``target`` and refuse it unless its SHA-256 is ``expected``."""
    digest = hashlib.sha256()
    name = url.rpartition("/")[2]
    try:
        with http.stream("GET", url) as answer, target.open("wb") as file:
            answer.raise_for_status()
            total = int(answer.headers.get("content-length", 0)) // _MEBIBYTE
            for block in answer.iter_bytes(_MEBIBYTE):
                digest.update(block)
                file.write(block)
                report.live(f"Downloading {name}: {file.tell() // _MEBIBYTE} of {total} MiB")
    except httpx.HTTPError as error:
        raise LocalWorldError(_reason(url, error)) from error
    if digest.hexdigest() != expected:
        target.unlink()
        raise LocalWorldError(f"{url} has SHA-256 {digest.hexdigest()}, but {expected} is published")
    report.line(f"Downloaded {name}, SHA-256 as published.")


def _reason(url: str, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"{url} answered {error.response.status_code}"
    return f"{urlsplit(url).hostname} cannot be reached: {str(error) or type(error).__name__}"
