"""What processes use: CPU seconds and resident memory, read from Linux' /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from storyjob.local.process import Process

_TICKS = os.sysconf("SC_CLK_TCK")
_FORGET_PEAK = "5"  # what clear_refs takes to start the peak of resident memory anew; see proc(5)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the process began, and its peak of resident memory."""

    cpu_seconds: float
    children_cpu_seconds: float
    """Of ended children, such as ffmpeg."""
    peak_mib: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read what a running process used. Raises ``OSError`` when it is gone, or where there is no /proc."""
        # The name in parentheses may hold anything, so count from its end: utime is field 14.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        user, system, children_user, children_system = (int(each) / _TICKS for each in fields[11:15])
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(user + system, children_user + children_system, int(status["VmHWM"].split()[0]) / 1024)

    def since(self, before: Usage) -> Usage:
        """Return what was used since then; the peak is that of the whole time."""
        return Usage(
            self.cpu_seconds - before.cpu_seconds,
            self.children_cpu_seconds - before.children_cpu_seconds,
            self.peak_mib,
        )


def usages(processes: Iterable[Process]) -> dict[str, Usage]:
    """Return what each running process used so far, by name."""
    return {process.name: Usage.of(process.pid) for process in processes if process.pid is not None}


def forget_peaks(processes: Iterable[Process]) -> None:
    """Let the peaks of resident memory begin now."""
    for process in processes:
        Path(f"/proc/{process.pid}/clear_refs").write_text(_FORGET_PEAK)
