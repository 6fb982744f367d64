"""Shows a story being made: drawn in place on a terminal, line by line in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from storyjob.api.step import StepKind, StepPhase
from storyjob.local.report import elapsed
from storyjob.local.snapshot import SceneSnapshot, Snapshot

_MARKS = {
    StepPhase.WAITING: ("·", "dim"),
    StepPhase.SUBMITTING: ("◌", "cyan"),
    StepPhase.RUNNING: ("◐", "yellow"),
    StepPhase.STORING: ("◕", "magenta"),
    StepPhase.SUCCEEDED: ("●", "green"),
    StepPhase.FAILED: ("✗", "bold red"),
    StepPhase.OUTCOME_UNKNOWN: ("?", "bold red"),
}
_WORDS = {
    StepPhase.WAITING: "waiting",
    StepPhase.SUBMITTING: "ordering",
    StepPhase.RUNNING: "making",
    StepPhase.STORING: "storing",
    StepPhase.SUCCEEDED: "done",
    StepPhase.FAILED: "failed",
    StepPhase.OUTCOME_UNKNOWN: "unknown",
}


class Progress(Protocol):
    """A display that takes in one snapshot after another."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show the story as it is now."""
        ...


def progress_on(console: Console) -> Progress:
    """Return the display that fits: a live one for a person, lines for a log."""
    return LiveProgress(console) if console.is_terminal else LineProgress(console)


class LiveProgress:
    """Redraws one picture of the whole story, scene by scene."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = Live(console=console, refresh_per_second=8)
        self._clock = clock
        self._started = clock()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw."""
        self._live.update(draw(snapshot, self._clock() - self._started))


class LineProgress:
    """Prints a line for each change, and nothing while nothing changes."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started = clock()
        self._shown: Snapshot | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, snapshot: Snapshot) -> None:
        """Print what is different from the last snapshot."""
        for change in changes(self._shown, snapshot):
            line = Text(f"{elapsed(self._clock() - self._started):>5}  {change}")
            self._console.print(line, soft_wrap=True)
        self._shown = snapshot


def changes(before: Snapshot | None, now: Snapshot) -> list[str]:
    """Say in a line each what has changed: steps first, then the story as a whole."""
    known = {scene.name: scene.steps for scene in before.scenes} if before else {}
    lines = [
        f"{scene.name}: {kind.value} {_WORDS[phase]}"
        for scene in now.scenes
        for kind, phase in scene.steps.items()
        if phase is not known.get(scene.name, {}).get(kind, StepPhase.WAITING)
    ]
    if before is None or (before.phase, before.progress, before.spent) != (now.phase, now.progress, now.spent):
        lines.append(f"{now.title}: {now.phase}, {now.progress}%, {money(now.spent)}")
    return lines


def draw(snapshot: Snapshot, seconds: float) -> Group:
    """Return the picture of a story."""
    head = Table.grid(expand=False, padding=(0, 2))
    head.add_row(
        Text(snapshot.title, "bold"),
        ProgressBar(total=100, completed=snapshot.progress, width=30, complete_style="cyan"),
        f"{snapshot.progress:>3}%",
        Text(snapshot.phase, "bold green" if snapshot.phase == "Completed" else "bold"),
        money(snapshot.spent),
        Text(elapsed(seconds), "dim"),
    )
    scenes = Table.grid(expand=False, padding=(0, 2))
    for number, scene in enumerate(snapshot.scenes, 1):
        scenes.add_row(*_scene_cells(number, scene))
    return Group(Text(), head, Text(), scenes, Text(snapshot.message, "dim"))


def _scene_cells(number: int, scene: SceneSnapshot) -> list[Text | ProgressBar]:
    bar = ProgressBar(total=1.0, completed=scene.share, width=16, complete_style="cyan")
    return [Text(f"{number:>4}", "dim"), Text(scene.name), bar, *(_step_cell(scene, kind) for kind in StepKind)]


def _step_cell(scene: SceneSnapshot, kind: StepKind) -> Text:
    phase = scene.steps.get(kind)
    if phase is None:
        return Text()
    mark, style = _MARKS[phase]
    return Text(f"{mark} {kind.value} {_WORDS[phase]:<8}", style)


def money(amount: str) -> str:
    """Return an amount of USD as a person reads it, with at least two decimals."""
    whole, _, decimals = amount.partition(".")
    return f"${whole}.{decimals.ljust(2, '0')}"
