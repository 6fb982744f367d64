"""The local control plane is a real one: it authorizes, collects garbage, and survives the loss of a part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storyjob.api.errors import LocalWorldError
from storyjob.local.binaries import Binaries
from storyjob.local.controlplane import ControlPlane, Options
from storyjob.local.kubectl import Kubectl
from storyjob.local.release import KUBERNETES
from support.controlplane import Cluster

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: %(name)s, ownerReferences: %(owners)s}
"""


def config_map(name: str, owner_uid: str | None = None) -> str:
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner_uid}] if owner_uid else []
    return CONFIG_MAP % {"name": name, "owners": json.dumps(owners)}


def eventually(question: Callable[[], bool], timeout: float = 30.0) -> bool:
    """Ask until the answer is yes; False when it never was."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.1)
    return False


def test_it_is_the_release_we_name(cluster: Cluster) -> None:
    version = json.loads(cluster.kubectl("get", "--raw", "/version"))
    assert version["gitVersion"] == f"v{KUBERNETES}"


def test_only_its_owner_may_read_the_kubeconfig(cluster: Cluster) -> None:
    assert cluster.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_strangers_are_not_authorized(cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(cluster.kubeconfig.read_text().replace(cluster.token, "wrong"))
    with pytest.raises(LocalWorldError, match=r"Unauthorized|must be logged in"):
        Kubectl(config)("get", "namespaces")


def test_garbage_of_a_deleted_owner_is_collected(cluster: Cluster, namespace: str) -> None:
    kubectl = cluster.kubectl
    kubectl("apply", "-n", namespace, "-f", "-", stdin=config_map("owner"))
    uid = kubectl("get", "configmap", "owner", "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    kubectl("apply", "-n", namespace, "-f", "-", stdin=config_map("child", uid))
    kubectl("delete", "configmap", "owner", "-n", namespace)

    def collected() -> bool:
        return not kubectl("get", "configmap", "child", "-n", namespace, "--ignore-not-found")

    assert eventually(collected)


async def test_data_survives_the_kill_of_etcd_and_apiserver(binaries: Binaries, tmp_path: Path) -> None:
    async with ControlPlane(binaries, tmp_path) as plane:
        kubectl = Kubectl(plane.kubeconfig)
        kubectl("create", "configmap", "kept")
        await plane.apiserver.kill()
        await plane.etcd.kill()
        await plane.etcd.start()
        await plane.apiserver.start()
        assert "kept" in kubectl("get", "configmaps", "-o", "name")
    assert not any(process.running for process in plane.processes)


async def test_a_part_that_dies_is_named_with_the_end_of_its_log(binaries: Binaries, tmp_path: Path) -> None:
    plane = ControlPlane(binaries, tmp_path, Options(apiserver_flags=("--no-such-flag",)))
    with pytest.raises(LocalWorldError, match=r"(?s)kube-apiserver ended with exit code.*no-such-flag"):
        await plane.start()
    assert not plane.etcd.running


PARENT = """
import asyncio, sys
from pathlib import Path
from storyjob.local.binaries import get_binaries
from storyjob.local.controlplane import ControlPlane
from storyjob.local.report import Report

async def main():
    plane = ControlPlane(get_binaries(Report()), Path(sys.argv[1]))
    await plane.start()
    print(*(process.pid for process in plane.processes), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
@pytest.mark.usefixtures("binaries")
def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)

    assert len(pids) == 3
    assert eventually(lambda: not any(is_alive(pid) for pid in pids))


def is_alive(pid: int) -> bool:
    """Return whether a process runs; a zombie that nobody collects does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
