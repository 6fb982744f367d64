"""Builds our image from the Dockerfile with a Docker daemon of our own, over a base made by debootstrap."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.node import CGROUPS, remove_groups, run, unmount
from e2e.settings import PAUSE_IMAGE
from storyjob.local.process import Process, Program
from storyjob.local.release import architecture, cache_home
from support.controlplane import PROJECT

IMAGE = "storyjob:e2e"
BASE = "storyjob-base:bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
_BUILD_SECONDS = 1500.0
_BASE_SECONDS = 900.0


@dataclass(frozen=True)
class Docker:
    """A client of one daemon: ours, or the one that the user's own client talks to."""

    socket: Path | None = None

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Return what Docker prints; raises with the end of what it complains of."""
        program, daemon = "docker", {}
        if self.socket:
            # Debian's client and daemon fit each other; another client may want plugins that are not there.
            program = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
            daemon = {"DOCKER_HOST": f"unix://{self.socket}"}
        done = subprocess.run(
            [program, *arguments],
            env={**os.environ, "DOCKER_BUILDKIT": "1", **daemon},
            cwd=PROJECT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"docker {arguments[0]} failed:\n{done.stderr[-3000:]}")
        return done.stdout


def images(folder: Path) -> Path:
    """Build the image and the one that holds a pod's namespaces; return an archive of both."""
    archive = folder / "images.tar"
    with running_docker(folder / "docker") as docker:
        _import_base(docker)
        docker("build", "--network=host", f"--build-arg=BASE={BASE}", "--build-arg=VERSION=e2e", f"--tag={IMAGE}", ".")
        size = int(docker("image", "inspect", "--format={{.Size}}", IMAGE))
        print(f"The image {IMAGE} is built: {size / 1e9:.2f} GB unpacked.", flush=True)
        # All that it must do is stay.
        pause = f'FROM {BASE}\nENTRYPOINT ["/bin/sleep", "infinity"]\n'
        docker("build", f"--tag={PAUSE_IMAGE}", "-", stdin=pause)
        docker("save", "--output", archive, IMAGE, PAUSE_IMAGE)
    return archive


@contextmanager
def running_docker(folder: Path) -> Iterator[Docker]:
    """Run a daemon that touches neither the network nor another daemon, and remove its data afterwards."""
    folder.mkdir(parents=True)
    docker = Docker(folder / "docker.sock")
    settings = {
        "data-root": str(folder / "data"),
        "exec-root": str(folder / "exec"),
        "pidfile": str(folder / "pid"),
        "hosts": [f"unix://{docker.socket}"],
        "bridge": "none",
        **dict.fromkeys(("iptables", "ip6tables", "ip-forward", "ip-masq"), False),
    }
    (folder / "daemon.json").write_text(json.dumps(settings))

    async def ready() -> bool:
        return docker.socket.exists()

    command = (shutil.which("dockerd") or "dockerd", f"--config-file={folder / 'daemon.json'}")
    daemon = Process(Program("dockerd", command, folder / "dockerd.log", ready))
    others = set(CGROUPS.glob("*/docker"))
    asyncio.run(daemon.start())
    try:
        yield docker
    finally:
        asyncio.run(daemon.stop(15.0))
        for group in set(CGROUPS.glob("*/docker")) - others:
            remove_groups(group)
        unmount(folder)
        shutil.rmtree(folder)


def _import_base(docker: Docker) -> None:
    """Give the daemon a stand-in for the Dockerfile's base: Debian with Python, and this machine's authorities."""
    trust = [f"--change=ENV {name}={AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    docker("import", *trust, base(), BASE)


def base() -> Path:
    """Return the cached archive of the base, made by debootstrap the first time."""
    archive = cache_home() / f"debian-{_SUITE}-{architecture()}.tar"
    if archive.is_file():
        return archive
    root = archive.with_suffix(".root")
    _clear(root)
    try:
        run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, root, seconds=_BASE_SECONDS)
    except BaseException:
        _clear(root)
        raise
    shutil.copyfile(AUTHORITIES, root / str(AUTHORITIES).lstrip("/"))
    for rubbish in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / rubbish)
        (root / rubbish).mkdir()
    with tarfile.open(archive.with_suffix(".part"), "w") as tar:
        tar.add(root, arcname=".")
    shutil.rmtree(root)
    archive.with_suffix(".part").rename(archive)
    return archive


def _clear(root: Path) -> None:
    """Remove what debootstrap made, but first the mount of /proc that it leaves where it did not come to its end."""
    unmount(root)
    shutil.rmtree(root, ignore_errors=True)
