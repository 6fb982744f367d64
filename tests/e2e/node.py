"""A real Kubernetes node on this machine, without any registry: containerd, kubelet and all that a node needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.kernel import Kernel
from e2e.names import Names
from e2e.programs import KUBELET, POLICIES, PROXY, SCHEDULER, get_policies, get_programs
from e2e.settings import BRIDGE, HOST, NODE, PODS, cni_config, containerd_config, kubelet_config
from storyjob.local.binaries import get_binaries
from storyjob.local.controlplane import SERVICE_NETWORK, ControlPlane, Options
from storyjob.local.kubectl import Kubectl
from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.process import Process, Program
from storyjob.local.report import Report

CGROUPS = Path("/sys/fs/cgroup")
_GRACE = 10.0  # seconds
_CALM = 60.0  # seconds until the last container must have ended


def run(*command: str | Path, check: bool = True, seconds: float = 300.0) -> str:
    """Run a program to its end and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Node:
    """Control plane and node; everything that it makes lies in ``folder``, but a bridge and rules of iptables."""

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder = folder
        self._programs = get_programs(report)
        flags = (
            "--bind-address=0.0.0.0",
            f"--advertise-address={HOST}",
            # Pods reach it as the Service `kubernetes`.
            "--endpoint-reconciler-type=lease",
            "--kubelet-preferred-address-types=InternalIP",
        )
        self.plane = ControlPlane(get_binaries(report), folder / "plane", Options(apiserver_flags=flags))
        self.kubectl = Kubectl(self.plane.kubeconfig)
        self.socket = folder / "containerd.sock"
        self.containerd = self._process("containerd", shutil.which("containerd"), f"--config={folder}/containerd.toml")
        self._kernel = Kernel()
        self._policies = get_policies()
        common = f"--kubeconfig={self.plane.kubeconfig}"
        self._enforcer = self._process(
            POLICIES, self._policies, common, f"--node={NODE}", f"--services={SERVICE_NETWORK}"
        )
        self._others = [
            self._process(SCHEDULER, self._programs / SCHEDULER, common, "--leader-elect=false", "--secure-port=0"),
            self._process(
                PROXY,
                self._programs / PROXY,
                common,
                *(f"--hostname-override={NODE}", f"--cluster-cidr={PODS}", "--proxy-mode=iptables"),
                *(
                    "--conntrack-max-per-core=0",
                    "--healthz-bind-address=",
                    f"--metrics-bind-address={LOOPBACK}:{free_ports(1)[0]}",
                ),
            ),
            self._process(
                KUBELET,
                self._programs / KUBELET,
                common,
                *(
                    f"--config={folder}/kubelet.yaml",
                    f"--root-dir={folder}/kubelet",
                    f"--cert-dir={folder}/kubelet-pki",
                ),
                *(f"--hostname-override={NODE}", f"--node-ip={HOST}"),
            ),
        ]

    def ctr(self, *arguments: str | Path, check: bool = True) -> str:
        """Run containerd's own client, in the namespace that kubelet uses."""
        return run("ctr", "--address", self.socket, "--namespace", "k8s.io", *arguments, check=check)

    def up(self) -> None:
        """Start everything and wait until the node is ready."""
        (self.folder / "cni").mkdir(parents=True)
        (self.folder / "cni" / "storyjob.conflist").write_text(cni_config(self.folder))
        (self.folder / "containerd.toml").write_text(containerd_config(self.folder))
        (self.folder / "kubelet.yaml").write_text(kubelet_config(self.folder))
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{HOST}/{PODS.rpartition('/')[2]}", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self._kernel.change()
        asyncio.run(self.plane.start())
        self.containerd.spawn()
        for process in self._others:
            process.spawn()
        self.names = Names(HOST, self.kubectl)
        self._await_ready()
        # It asks for its node when it starts.
        self._enforcer.spawn()

    def down(self) -> None:
        """Stop everything and remove what was made outside the folder, whatever of it there is."""
        for process in (self._enforcer, *reversed(self._others)):
            asyncio.run(process.stop(_GRACE))
        with contextlib.suppress(AttributeError):
            self.names.close()
        self._end_containers()
        asyncio.run(self.containerd.stop(_GRACE))
        asyncio.run(self.plane.stop())
        run(self._policies, "--cleanup", check=False)
        run(self._programs / PROXY, "--cleanup", check=False)
        # The one chain that kube-proxy takes for kubelet's, and leaves.
        for rule in (("-D", "INPUT", "-j"), ("-D", "OUTPUT", "-j"), ("-F",), ("-X",)):
            run("iptables", *rule, "KUBE-FIREWALL", check=False)
        run("ip", "link", "delete", BRIDGE, check=False)
        self._kernel.restore()
        self._unmount()
        for group in CGROUPS.glob("**/kubepods"):
            remove_groups(group)

    def remains(self) -> list[str]:
        """Return what is left on this machine: mounts, processes, the bridge, rules and sets of iptables."""
        links = [BRIDGE] if (Path("/sys/class/net") / BRIDGE).exists() else []
        chains = [line for line in run("iptables-save").splitlines() if line.startswith((":KUBE", "-A KUBE"))]
        sets = [name for name in run("ipset", "list", "-name").split() if name.lower().startswith("kube")]
        groups = [str(path) for path in CGROUPS.glob("**/kubepods")]
        return mounts(self.folder) + links + chains + sets + groups + [f"process {pid}" for pid in self._shims()]

    def _process(self, name: str, program: Path | str | None, *arguments: str) -> Process:
        async def ready() -> bool:
            return True

        command = (str(program), *arguments)
        return Process(Program(name, command, self.folder / "logs" / f"{name}.log", ready))

    def _await_ready(self) -> None:
        end = time.monotonic() + 120
        path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        while self.kubectl("get", "node", NODE, "--ignore-not-found", "-o", path) != "True":
            for process in (self.containerd, *self._others):
                process.check()
            if time.monotonic() > end:
                raise RuntimeError(f"the node is not ready; kubelet says:\n{self._others[-1].tail(30)}")
            time.sleep(1)

    def _end_containers(self) -> None:
        if not self.containerd.running:
            return
        end = time.monotonic() + _CALM
        while (tasks := self.ctr("tasks", "list", "--quiet", check=False).split()) and time.monotonic() < end:
            for task in tasks:
                self.ctr("tasks", "delete", "--force", task, check=False)
        for container in self.ctr("containers", "list", "--quiet", check=False).split():
            self.ctr("containers", "delete", container, check=False)

    def _shims(self) -> list[int]:
        """Return the processes of containerd's that outlived it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.socket}".encode() in entry.read_bytes():
                    found.append(int(entry.parent.name))
        return found

    def _unmount(self) -> None:
        for pid in self._shims():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        unmount(self.folder)


def mounts(folder: Path) -> list[str]:
    """Return what is mounted below a folder, the innermost first."""
    places = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return sorted((place for place in places if Path(place).is_relative_to(folder)), reverse=True)


def unmount(folder: Path) -> None:
    """Take off all that is mounted below a folder, so that it can be removed without reaching any further."""
    for place in mounts(folder):
        run("umount", "--lazy", place, check=False)


def remove_groups(group: Path) -> None:
    """Remove a control group and those in it; their files are the kernel's and cannot be removed."""
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


@contextmanager
def running_node(folder: Path) -> Iterator[Node]:
    """Run a node and leave nothing of it behind."""
    node = Node(folder, Report())
    try:
        node.up()
        yield node
    finally:
        node.down()
