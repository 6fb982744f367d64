"""What the pods' network needs of the kernel: changed while the node runs, and put back afterwards."""

from __future__ import annotations

from pathlib import Path

_NET = Path("/proc/sys/net")
_NEEDED = {
    # Packets from pods go on to the S3 server, the API server and each other's Services.
    _NET / "ipv4/ip_forward": "1",
    # What goes from pod to pod over the bridge is seen by iptables, where Services and NetworkPolicies are.
    _NET / "bridge/bridge-nf-call-iptables": "1",
}
NETFILTER = _NET / "bridge"


class Kernel:
    """Remembers how this machine was set."""

    def __init__(self) -> None:
        self._before: dict[Path, str] = {}

    def change(self) -> None:
        for path, value in _NEEDED.items():
            self._before[path] = path.read_text()
            path.write_text(value)

    def restore(self) -> None:
        for path, value in self._before.items():
            path.write_text(value)
