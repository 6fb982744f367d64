"""Linux network namespaces, each joined to a hub that routes between them and can let packets vanish.

Only iproute2 is needed: the hub drops by routing rules, so a connection that is cut neither ends nor is reset, as when
a switch or a security group loses what it should carry.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import re
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from storyjob.api.errors import LocalWorldError
from support.house import House

_PREFIX = "sjnet"
# Reserved for tests of network devices (RFC 2544), so it is nobody's in earnest.
_RANGE = ipaddress.ip_network("198.18.0.0/15")
_LETTERS = itertools.cycle(string.ascii_lowercase)
_BLOCK = 26  # bits of one network: sixteen houses of four addresses, of which the hub's outlet takes one


def why_not() -> str | None:
    """Return why no namespaces can be made here, None where they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux' own"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    missing = [name for name in ("ip", "nsenter", "sysctl") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: iproute2, util-linux, procps)"
    try:
        with a_network("probe") as network:
            network.cut("probe", "probe")
    except LocalWorldError as error:
        return f"the kernel makes none: {error}"
    return None


class Network:
    """Houses by name. Everything that was cut is whole again after ``heal``."""

    def __init__(self, names: Sequence[str]) -> None:
        # Two networks of one process may stand at once. A link's name has fifteen characters at most.
        self.mark = f"{_PREFIX}{os.getpid()}{next(_LETTERS)}"
        self._hub = f"{self.mark}-hub"
        self._addresses: dict[str, str] = {}
        self._rules: list[Sequence[str]] = []
        self._slow: set[str] = set()
        self._block = _free_block()
        self._names = names

    def house(self, name: str) -> House:
        """Return a house, for a process to be started in."""
        return House(self._addresses[name], ("nsenter", f"--net=/run/netns/{self.mark}-{name}", "--"))

    @property
    def addresses(self) -> list[str]:
        return list(self._addresses.values())

    def cut(self, one: str, other: str) -> None:
        """Let every packet from one house to the other vanish; the way back stays open."""
        self._rule(one, other, "blackhole")

    def refuse(self, one: str, other: str) -> None:
        """Tell one house that there is no way to the other."""
        self._rule(one, other, "unreachable")

    def unplug(self, name: str) -> None:
        """Take a house's link down."""
        _ip("-n", self._hub, "link", "set", _link(name), "down")

    def slow(self, name: str) -> None:
        """Let a house have no more than 128 kbit/s."""
        shape = ["root", "tbf", "rate", "128kbit", "burst", "8kb", "latency", "2s"]
        _do("nsenter", f"--net=/run/netns/{self._hub}", "--", "tc", "qdisc", "add", "dev", _link(name), *shape)
        self._slow.add(name)

    def heal(self) -> None:
        """Plug in, open and speed up everything."""
        while self._rules:
            _ip("-n", self._hub, "rule", "del", *self._rules.pop())
        while self._slow:
            _ip("-n", self._hub, "link", "set", _link(name := self._slow.pop()), "up")
            _do("nsenter", f"--net=/run/netns/{self._hub}", "--", "tc", "qdisc", "del", "dev", _link(name), "root")
        for name in self._names:
            _ip("-n", self._hub, "link", "set", _link(name), "up")

    def make(self) -> None:
        """Make the namespaces and their links. Raises ``LocalWorldError``."""
        _ip("netns", "add", self._hub)
        _ip("-n", self._hub, "link", "set", "lo", "up")
        outlet, *fields = self._block.subnets(new_prefix=30)
        # The outlet is this machine's own way to the houses.
        _ip("link", "add", self.mark, "type", "veth", "peer", "name", "outlet", "netns", self._hub)
        self._join(self._hub, "outlet", (), self.mark, outlet)
        _ip("route", "add", str(self._block), "via", str(outlet[1]))
        for name, field in zip(self._names, fields, strict=False):
            inside = f"{self.mark}-{name}"
            _ip("netns", "add", inside)
            _ip("-n", inside, "link", "set", "lo", "up")
            _ip("-n", self._hub, "link", "add", _link(name), "type", "veth", "peer", "name", "eth0", "netns", inside)
            self._join(self._hub, _link(name), ("-n", inside), "eth0", field)
            _ip("-n", inside, "route", "add", "default", "via", str(field[1]))
            self._addresses[name] = str(field[2])
        # A rule that drops one direction must not make the other one look forged.
        settings = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"]
        settings += [f"net.ipv4.conf.{_link(name)}.rp_filter=0" for name in self._names]
        _do("nsenter", f"--net=/run/netns/{self._hub}", "--", "sysctl", "-qw", *settings)

    def remove(self) -> None:
        """Remove whatever of it there is; what still runs in a house has no link any more."""
        _remove(self.mark)

    def _join(self, hub: str, link: str, where: Sequence[str], end: str, field: ipaddress.IPv4Network) -> None:
        _ip("-n", hub, "addr", "add", f"{field[1]}/30", "dev", link)
        _ip("-n", hub, "link", "set", link, "up")
        _ip(*where, "addr", "add", f"{field[2]}/30", "dev", end)
        _ip(*where, "link", "set", end, "up")

    def _rule(self, one: str, other: str, action: str) -> None:
        rule = ("from", self._addresses[one], "to", self._addresses[other], action)
        _ip("-n", self._hub, "rule", "add", *rule)
        self._rules.append(rule)


@contextmanager
def a_network(*names: str) -> Iterator[Network]:
    """Make a network of these houses, and remove it whatever happens."""
    _sweep()
    network = Network(names)
    try:
        network.make()
        yield network
    finally:
        network.remove()


def _link(name: str) -> str:
    return f"to-{name}"


def _free_block() -> ipaddress.IPv4Network:
    """Return a part of the range that this machine has no route to."""
    taken = {ipaddress.ip_network(word) for word in re.findall(r"198\.1[89]\.[\d.]+/\d+", _ip("route", "show"))}
    count = 2 ** (_BLOCK - _RANGE.prefixlen)
    for nth in range(count):
        start = int(_RANGE[0]) + (os.getpid() + nth) % count * 2 ** (32 - _BLOCK)
        block = ipaddress.IPv4Network((start, _BLOCK))
        if not any(block.overlaps(other) for other in taken):
            return block
    raise LocalWorldError(f"no part of {_RANGE} is free")


def _sweep() -> None:
    """Remove what those left behind that were killed before they could."""
    for mark, pid in set(re.findall(rf"^({_PREFIX}(\d+)[a-z])-", _ip("netns", "list"), re.MULTILINE)):
        if not Path(f"/proc/{pid}").exists():
            _remove(mark)


def _remove(mark: str) -> None:
    # A link goes with either end, also while something still runs in the namespace behind it.
    if f" {mark}@" in _ip("link", "show"):
        _ip("link", "delete", mark)
    spaces = re.findall(rf"^({mark}-\S+)", _ip("netns", "list"), re.MULTILINE)
    for space in sorted(spaces, key=lambda name: not name.endswith("-hub")):
        for link in re.findall(r"^\d+: (to-[^@:]+)@", _ip("-n", space, "link", "show"), re.MULTILINE):
            _ip("-n", space, "link", "delete", link)
        _ip("netns", "delete", space)


def _ip(*arguments: str) -> str:
    return _do("ip", *arguments)


def _do(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise LocalWorldError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
