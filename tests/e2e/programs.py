"""The programs of a node: Kubernetes' own, downloaded or built once, and those of Debian's packages."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from e2e.kernel import NETFILTER
from storyjob.api.errors import LocalWorldError
from storyjob.local.build import Recipe, build, version_flags
from storyjob.local.download import download_kubernetes
from storyjob.local.lock import exclusive
from storyjob.local.release import KUBERNETES, binaries_home
from storyjob.local.report import Report
from support.gomodule import built

KUBELET, SCHEDULER, PROXY, POLICIES = "kubelet", "kube-scheduler", "kube-proxy", "policies"
NAMES = (KUBELET, SCHEDULER, PROXY)
CNI = Path("/usr/lib/cni")
DEBIAN = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "ipset": "ipset",
    "ip": "iproute2",
}
_RECIPE = Recipe(
    f"kubelet, kube-scheduler and kube-proxy {KUBERNETES}",
    "kubernetes",
    "",
    tuple(f"k8s.io/kubernetes/cmd/{name}" for name in NAMES),
    2400,
    f"-s -w {version_flags(KUBERNETES)}",
)


def missing() -> list[str]:
    """Return the reasons why no node can run here, none when it can."""
    reasons = [] if os.geteuid() == 0 else ["it needs root"]
    packages = sorted({package for name, package in DEBIAN.items() if shutil.which(name) is None})
    if not (CNI / "bridge").exists():
        packages.append("containernetworking-plugins")
    if packages:
        reasons.append(f"apt-get install --no-install-recommends {' '.join(packages)}")
    if not NETFILTER.is_dir():
        reasons.append("modprobe br_netfilter")
    return reasons


def get_programs(report: Report) -> Path:
    """Return the folder with kubelet, kube-scheduler and kube-proxy, fetching or building them once."""
    home = binaries_home().with_name(f"{binaries_home().name}-node")
    with exclusive(home.with_name(f"{home.name}.lock"), lambda: report.line("Another process gets the node.")):
        if all((home / name).is_file() for name in NAMES):
            return home
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".node-", dir=home.parent) as scratch:
            try:
                download_kubernetes(NAMES, Path(scratch), report)
            except LocalWorldError as error:
                report.line(f"No download ({error}); building from source instead.")
                build((_RECIPE,), Path(scratch), report)
            for name in NAMES:
                (Path(scratch) / name).rename(home / name)
    return home


def get_policies() -> Path:
    """Return the program that enforces NetworkPolicies, built once."""
    return built(Path(__file__).parent / POLICIES)
