"""Where a process of a test lives: an address of its own, and what is put before its command to get in there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from storyjob.local.port import LOOPBACK
from storyjob.local.process import Command, Program


@dataclass(frozen=True)
class House:
    """The loopback of this machine, unless said otherwise."""

    address: str = LOOPBACK
    entrance: Command = ()

    def home_of(self, program: Program, neighbours: Iterable[str] = ()) -> Program:
        """Return a program as it runs in here; no proxy of the user's stands between it and its neighbours."""
        direct = ",".join(sorted({LOOPBACK, self.address, *neighbours}))
        environment = {**program.environment, "NO_PROXY": direct, "no_proxy": direct}
        return replace(program, command=(*self.entrance, *program.command), environment=environment)
