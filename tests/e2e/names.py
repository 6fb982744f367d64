"""Names of Services for pods: a DNS server of the few answers that they ask for, straight from the API server."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable

from storyjob.api.errors import LocalWorldError

SUFFIX = ".cluster.local"
_A, _NXDOMAIN = 1, 3
_TTL = 5  # seconds


def question(packet: bytes) -> tuple[str, int, int]:
    """Return the name that a query asks for, its type, and where the question ends."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += length + 1
    return ".".join(labels).lower(), struct.unpack("!H", packet[at + 1 : at + 3])[0], at + 5


def answer(packet: bytes, addresses: list[str] | None) -> bytes:
    """Return the response: these addresses, or that there is no such name."""
    _, type_, end = question(packet)
    found = addresses if addresses and type_ == _A else []
    flags = 0x8580 | (_NXDOMAIN if addresses is None else 0)
    head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
    records = [struct.pack("!HHHIH", 0xC00C, _A, 1, _TTL, 4) + socket.inet_aton(address) for address in found]
    return head + packet[12:end] + b"".join(records)


class Names:
    """Serves `<service>.<namespace>.svc.cluster.local` on UDP port 53 of one address, in a thread."""

    def __init__(self, host: str, kubectl: Callable[..., str]) -> None:
        self._kubectl = kubectl
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 53))
        self._socket.settimeout(0.5)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            # A query that cannot be read, or that the API server does not answer, is asked again by the pod.
            with contextlib.suppress(OSError, LocalWorldError, IndexError):
                packet, client = self._socket.recvfrom(512)
                self._socket.sendto(answer(packet, self._lookup(question(packet)[0])), client)

    def _lookup(self, name: str) -> list[str] | None:
        parts = name.removesuffix(SUFFIX).split(".")
        if not name.endswith(SUFFIX) or len(parts) != 3 or parts[2] != "svc":
            return None
        service, namespace = parts[:2]
        found = self._kubectl("get", "service", service, "-n", namespace, "--ignore-not-found", "-o", "json")
        if not found:
            return None
        address = json.loads(found)["spec"]["clusterIP"]
        if address != "None":
            return [address]
        slices = self._kubectl(
            *("get", "endpointslices", "-n", namespace, "-l", f"kubernetes.io/service-name={service}"),
            *("-o", "jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}"),
        )
        return slices.split()
