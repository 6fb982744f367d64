"""The demo: a real API server, a real bucket, simulated providers, and one story that becomes a film."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from storyjob.api.errors import LocalWorldError
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.errors import ClusterError
from storyjob.local.binaries import Binaries
from storyjob.local.diagnosis import diagnose
from storyjob.local.installation import Installation
from storyjob.local.outputs import download_outputs
from storyjob.local.process import Process
from storyjob.local.progress import Progress, money, progress_on
from storyjob.local.record import ProcessRecord, WorldRecord, forget_world
from storyjob.local.release import KUBERNETES, cache_home
from storyjob.local.snapshot import has_ended, is_stalled, take_snapshot
from storyjob.local.spectator import Spectator
from storyjob.local.world import LocalWorld

NAMESPACE = "default"
_LOOK_INTERVAL = 0.3  # seconds
_STALLED_SECONDS = 10.0  # what is applied in an unlucky order may stall for a moment


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a person may choose about the demo."""

    story: Path
    output: Path
    keep: bool = False
    """Leave everything running in the background at the end."""
    speed: float = 1.0
    """How much faster than usual the simulated providers are."""
    limit_seconds: float = 900.0


class Demo:
    """One run of the demo."""

    def __init__(self, options: DemoOptions, binaries: Binaries, console: Console) -> None:
        self._options = options
        self._binaries = binaries
        self._console = console
        self._world: LocalWorld
        self._installation: Installation

    async def run(self) -> None:
        """Film the story. Raises ``LocalWorldError`` that tells why there is no film.

        Whatever happens, nothing is left running, unless ``keep`` was asked for and the world came up.
        """
        async with AsyncExitStack() as stack:
            folder = _folder(stack, keep=self._options.keep)
            await self._start(stack, folder)
            try:
                story = await self._film()
                await self._deliver(story)
            finally:
                # A failed story is kept as well: who asked for it wants to look at it.
                if self._options.keep and not _is_cancelled():
                    self._keep(folder)
                    stack.pop_all()

    @property
    def _processes(self) -> tuple[Process, ...]:
        return (*self._world.processes, *self._installation.processes)

    async def _start(self, stack: AsyncExitStack, folder: Path) -> None:
        keep = self._options.keep
        with self._doing(f"Kubernetes {KUBERNETES} and an S3 server"):
            self._world = await stack.enter_async_context(LocalWorld(self._binaries, folder, detached=keep))
        with self._doing("StoryJob operator, webhook sidecar and simulated providers"):
            installation = Installation(self._world, speed=self._options.speed, detached=keep)
            self._installation = await stack.enter_async_context(installation)
        if keep:
            # Should we be killed: they outlive us, and `down` must find them.
            _record(folder).with_processes(self._processes, ourselves=True).save()

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        with self._console.status(f"Starting {what} …"):
            yield
        self._console.print(f"[green]✓[/] {what} [dim]({time.monotonic() - started:.1f} s)[/]", highlight=False)

    async def _film(self) -> StoryJob:
        """Apply the story and look on until it has ended."""
        kubectl = self._world.kubectl
        manifest = str(self._options.story)
        applied = await asyncio.to_thread(kubectl, "apply", "-n", NAMESPACE, "-f", manifest, "-o", "json")
        name = story_name(applied)
        self._console.print(f"[green]✓[/] kubectl apply -f {manifest}", highlight=False)
        async with await Spectator.connect(self._world.kubeconfig, NAMESPACE) as spectator:
            with progress_on(self._console) as progress:
                story = await self._watch(spectator, name, progress)
            if story.status.phase != "Completed":
                raise LocalWorldError(await self._reasons(spectator, story))
            return story

    async def _watch(self, spectator: Spectator, name: str, progress: Progress) -> StoryJob:
        """Show the story until it has ended, is stuck, or takes too long, and return it as it is then."""
        now = time.monotonic()
        limit, moved_at = now + self._options.limit_seconds, now
        while True:
            for process in self._processes:
                process.check()
            try:
                story = await spectator.story(name)
                progress.show(take_snapshot(story, await spectator.scenes()))
            except ClusterError as error:
                raise LocalWorldError(f"The API server does not answer: {error}") from error
            now = time.monotonic()
            moved_at = moved_at if is_stalled(story) else now
            if has_ended(story) or now > limit or now > moved_at + _STALLED_SECONDS:
                return story
            await asyncio.sleep(_LOOK_INTERVAL)

    async def _reasons(self, spectator: Spectator, story: StoryJob) -> str:
        reasons = diagnose(story, await spectator.scenes(), await spectator.events())
        operator = self._installation.operator
        return f"There is no film.\n{reasons}\nThe end of {operator.program.log}:\n{operator.tail()}"

    async def _deliver(self, story: StoryJob) -> None:
        """Bring the film to the user and say where it is."""
        outputs = story.status.outputs
        if outputs is None or outputs.film is None:
            raise LocalWorldError(f"{story.metadata.name} is Completed, but its status names no film")
        paths = await download_outputs(outputs, self._world.s3.bucket, self._options.output)
        seconds = outputs.film.duration_seconds or 0.0
        self._console.print()
        for path in paths:
            self._console.print(f"  {path}", style="bold" if path == paths[0] else "", highlight=False, soft_wrap=True)
        scenes, cost = len(story.spec.scenes), money(story.status.cost.spent)
        self._console.print(
            f"\n[bold green]{story.spec.title or story.metadata.name}[/]: "
            f"a film of {seconds:.0f} s from {scenes} scenes for {cost} [dim](simulated: nothing was really bought)[/]",
            highlight=False,
            soft_wrap=True,
        )

    def _keep(self, folder: Path) -> None:
        _record(folder).with_processes(self._processes, ourselves=False).save()
        kubectl = self._world.kubectl.command
        self._console.print(
            f"\nEverything keeps running. Look around, then stop it: [bold]make down[/] or storyjob local down.\n\n"
            f"  export KUBECONFIG={self._world.kubeconfig}\n"
            f"  {kubectl} get storyjobs,scenes,mediaproviders\n"
            f"  {kubectl} describe storyjobs\n"
            f"  tail -f {self._installation.operator.program.log}",
            highlight=False,
            soft_wrap=True,
        )


def story_name(applied: str) -> str:
    """Return the name of the one StoryJob in what ``kubectl apply -o json`` printed. Raises ``LocalWorldError``."""
    answer = json.loads(applied)
    objects = answer["items"] if answer["kind"] == "List" else [answer]
    names = [each["metadata"]["name"] for each in objects if each["kind"] == "StoryJob"]
    if len(names) != 1:
        raise LocalWorldError(f"the demo films one StoryJob, but the file has {len(names)}: {', '.join(names)}")
    return str(names[0])


def _folder(stack: AsyncExitStack, *, keep: bool) -> Path:
    """Return a folder for all data; one that is kept has a fixed place, so that its kubeconfig has too."""
    if not keep:
        temporary = tempfile.TemporaryDirectory(prefix="storyjob-demo-", ignore_cleanup_errors=True)
        return Path(stack.enter_context(temporary))
    folder = cache_home() / "demo"
    _record(folder).claim()
    stack.callback(forget_world)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    # Not a generator: one that is dropped with the stack would still clean up.
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _record(folder: Path) -> WorldRecord:
    ourselves = ProcessRecord.ourselves()
    return WorldRecord(
        folder=folder, kubeconfig=folder / "kubernetes" / "kubeconfig", temporary=True, processes=(ourselves,)
    )


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
