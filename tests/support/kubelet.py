"""A kubelet for the pods of film Jobs, which the real Job controller makes: runs their commands as local processes."""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.api_server import ApiServer
from support.simulator import eventually

Json = dict[str, Any]

_SECONDS = 120.0  # a film's process may take
_PAUSE = 0.1


class Kubelet:
    """Does with the pods of one namespace what the test says; what it writes is their status."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self._api, self.namespace = api, namespace

    def jobs(self, story: str) -> list[Json]:
        """Return the film Jobs of a story."""
        found = self._api.list("jobs", self.namespace)
        return [job for job in found if job["metadata"]["labels"].get("storyjob.dev/story") == story]

    def pods(self, story: str) -> list[Json]:
        """Return the pods of a story's film Jobs that are not going."""
        found = self._api.list("pods", self.namespace)
        ours = [pod for pod in found if pod["metadata"]["labels"].get("storyjob.dev/story") == story]
        return [pod for pod in ours if "deletionTimestamp" not in pod["metadata"]]

    def pending(self, story: str) -> Json:
        """Return a pod of the story that waits to be run, as soon as there is one."""
        return eventually(lambda: next((pod for pod in self.pods(story) if _phase(pod) == "Pending"), None))

    def begin(self, pod: Json) -> None:
        """Say that the pod runs."""
        running = {"name": _film(pod)["name"], "ready": True, "state": {"running": {}}}
        ready = {"type": "Ready", "status": "True"}
        self._write(pod, {"phase": "Running", "conditions": [ready], "containerStatuses": [running | _IMAGE]})

    def end(self, pod: Json, code: int, message: str = "", reason: str = "Error") -> None:
        """Say that the pod's container ended."""
        ended = {"exitCode": code, "message": message, "reason": reason if code else "Completed"}
        stopped = {"name": _film(pod)["name"], "ready": False, "state": {"terminated": ended}}
        phase = "Failed" if code else "Succeeded"
        not_ready = {"type": "Ready", "status": "False"}
        self._write(pod, {"phase": phase, "conditions": [not_ready], "containerStatuses": [stopped | _IMAGE]})

    def run(self, pod: Json) -> None:
        """Run the pod to its end: its own arguments, its own environment and no other."""
        self.begin(pod)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            message = folder / "message"
            container = _film(pod)
            path = container["terminationMessagePath"]
            arguments = [each.replace(path, str(message)) for each in container["args"]]
            done = subprocess.run(
                [sys.executable, "-m", "storyjob.cli.main", *arguments],
                env=self._environment(container, folder),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            said = message.read_text() if message.exists() else ""
        assert "Traceback" not in done.stderr, done.stderr
        self.end(pod, done.returncode, said)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Run every pod that comes, one after the other."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(_PAUSE):
                for pod in self._api.list("pods", self.namespace):
                    if _phase(pod) == "Pending" and "deletionTimestamp" not in pod["metadata"]:
                        self.run(pod)

        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work)
            try:
                yield
            finally:
                stop.set()
        working.result()

    def _environment(self, container: Json, folder: Path) -> dict[str, str]:
        found = {each["name"]: self._value(each) for each in container["env"]}
        mounted = {mount["mountPath"]: str(folder) for mount in container.get("volumeMounts", ())}
        found = {name: mounted.get(value, value) for name, value in found.items()}
        return {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "NO_PROXY": "127.0.0.1"} | found

    def _value(self, variable: Json) -> str:
        source = variable.get("valueFrom") or {}
        if "secretKeyRef" in source:
            secret = self._api.get("secrets", self.namespace, source["secretKeyRef"]["name"])
            assert secret is not None, source
            return base64.b64decode(secret["data"][source["secretKeyRef"]["key"]]).decode()
        return self.namespace if source else variable.get("value", "")

    def _write(self, pod: Json, status: Json) -> None:
        self._api.merge("pods", self.namespace, pod["metadata"]["name"], {"status": status}, subresource="status")


_IMAGE = {"image": "films", "imageID": "films", "restartCount": 0}


def _film(pod: Json) -> Json:
    container: Json = pod["spec"]["containers"][0]
    return container


def _phase(pod: Json) -> str:
    return str(pod["status"].get("phase"))
