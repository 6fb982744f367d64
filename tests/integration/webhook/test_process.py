"""The sidecar as a process: it starts by its command, becomes ready, and ends at SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.controlplane import Cluster


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(namespace: str, kubeconfig: Path, internal: int) -> dict[str, str]:
    return os.environ | {
        "KUBECONFIG": str(kubeconfig),
        "STORYJOB_NAMESPACE": namespace,
        "STORYJOB_WATCH_NAMESPACES": namespace,
        "STORYJOB_S3_BUCKET": "stories",
        "STORYJOB_WEBHOOK_HOST": "127.0.0.1",
        "STORYJOB_INTERNAL_HOST": "127.0.0.1",
        "STORYJOB_WEBHOOK_PORT": str(free_port()),
        "STORYJOB_INTERNAL_PORT": str(internal),
    }


def readiness(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until(process: subprocess.Popen[str], port: int, status: int) -> str:
    """Wait until the probe answers with a status and return its words."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found, said = readiness(port)
        if found == status and "access" in said + "access" * (status == 200):
            return said
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"the probe never answered {status}: {process.communicate()[0]}")


def start(namespace: str, kubeconfig: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "storyjob.cli.main", "webhook"],
        env=environment(namespace, kubeconfig, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_it_becomes_ready_and_ends_at_sigterm(namespace: str, sidecar_kubeconfig: Path) -> None:
    port = free_port()
    process = start(namespace, sidecar_kubeconfig, port)
    until(process, port, 200)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_without_rights_it_is_not_ready_and_says_what_is_missing(
    crds: Cluster, namespace: str, sidecar_kubeconfig: Path
) -> None:
    crds.kubectl("delete", "role", "sidecar", "-n", namespace)
    port = free_port()
    process = start(namespace, sidecar_kubeconfig, port)
    reasons = until(process, port, 503)
    assert f"patch scenes/status.storyjob.dev in namespace {namespace}" in reasons
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "RBAC does not allow" in said
