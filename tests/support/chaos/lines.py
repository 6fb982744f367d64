"""What lies between the processes, and how it can be hurt: links of network namespaces, else proxies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from support.chaos.network import Network
from support.chaos.wire import Line, Wire, Wires

HOUSES = ("one", "two", "sidecar", "plane", "vendors", "bucket")


class Lines(Protocol):
    """Everything that can be cut, by name, and how often each is, relative to the others."""

    means: str
    """How it is done, for reports."""
    weights: Mapping[str, int]

    def hurts(self, line: str) -> Sequence[str]:
        """Return what may happen to a line."""
        ...

    def partitions(self) -> Sequence[str]:
        """Return what, of that, keeps an operator from the API server without telling it."""
        ...

    def hurt(self, line: str, how: str) -> None:
        """Let it happen."""
        ...

    def heal(self) -> None:
        """Leave all lines whole."""
        ...


class NamespaceLines:
    """Packets that vanish on links between network namespaces: of a real partition no end is told."""

    means = "in network namespaces"
    weights: Mapping[str, int] = {
        **{"one - apiserver": 4, "two - apiserver": 4, "sidecar - apiserver": 2},
        **{"operators - vendors": 5, "operators - bucket": 3, "vendors - sidecar": 2},
        **{"one": 2, "two": 2, "vendors": 2, "plane": 1},
    }
    _ends: Mapping[str, tuple[tuple[str, ...], str]] = {
        "one - apiserver": (("one",), "plane"),
        "two - apiserver": (("two",), "plane"),
        "sidecar - apiserver": (("sidecar",), "plane"),
        "operators - vendors": (("one", "two"), "vendors"),
        "operators - bucket": (("one", "two"), "bucket"),
        "vendors - sidecar": (("vendors",), "sidecar"),
    }

    def __init__(self, network: Network) -> None:
        self._network = network

    def hurts(self, line: str) -> Sequence[str]:
        return ("lost", "deaf", "mute", "refused") if line in self._ends else ("unplugged", "slow")

    def partitions(self) -> Sequence[str]:
        return ("lost", "deaf", "mute")

    def hurt(self, line: str, how: str) -> None:
        match how:
            case "unplugged":
                self._network.unplug(line)
            case "slow":
                self._network.slow(line)
            case _:
                askers, asked = self._ends[line]
                for asker in askers:
                    self._cut(asker, asked, how)

    def heal(self) -> None:
        self._network.heal()

    def _cut(self, asker: str, asked: str, how: str) -> None:
        """Deaf is who asks and hears no answer; mute is who is not heard."""
        if how == "refused":
            self._network.refuse(asker, asked)
        if how in ("lost", "mute"):
            self._network.cut(asker, asked)
        if how in ("lost", "deaf"):
            self._network.cut(asked, asker)


class ProxyLines:
    """Proxies between processes of one network: where no namespaces can be made."""

    means = "by TCP proxies"
    weights: Mapping[str, int] = {
        **{"one - apiserver": 4, "two - apiserver": 4},
        **{"operators - vendors": 5, "operators - bucket": 3},
    }

    def __init__(self, wires: Wires, ports: Mapping[str, int]) -> None:
        self._wires = wires
        self.wires: Mapping[str, Wire] = {name: wires.to(ports.get(name, 0)) for name in self.weights}

    def hurts(self, line: str) -> Sequence[str]:
        return (Line.CUT, Line.FROZEN, Line.DEAF, Line.SLOW)

    def partitions(self) -> Sequence[str]:
        return (Line.FROZEN, Line.DEAF)

    def hurt(self, line: str, how: str) -> None:
        self._wires.let(self.wires[line], Line(how))

    def heal(self) -> None:
        for wire in self.wires.values():
            self._wires.let(wire, Line.OPEN)
