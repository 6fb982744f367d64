"""`storyjob local`: a control plane, a bucket and the demo on this machine, with nothing to set up first."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storyjob.api.errors import StoryJobError

if TYPE_CHECKING:
    from storyjob.local.binaries import Binaries
    from storyjob.local.process import Process

app = typer.Typer(no_args_is_help=True, help="A real control plane, a bucket and a demo on this machine.")

_INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


@app.command()
def binaries() -> None:
    """Find, download or build the control plane binaries, and print where they are."""
    with _plain_errors():
        typer.echo(_get_binaries().apiserver.parent)


@app.command()
def up(
    keep_dir: Annotated[
        Path | None, typer.Option(help="Keep all data in this folder; without it they are thrown away at the end.")
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Run operator, webhook sidecar and simulated providers as well.")
    ] = False,
) -> None:
    """Run a control plane and an S3 server until Ctrl-C."""
    with _plain_errors():
        _run(_up(_get_binaries(), keep_dir.absolute() if keep_dir else None, operator))


@app.command()
def demo(
    story: Annotated[
        Path | None, typer.Argument(help="A StoryJob manifest; without it the fox and the moon.", exists=True)
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running, until `storyjob local down`.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Where to put the film.")] = Path("demo-output"),
    speed: Annotated[float, typer.Option(min=0.01, help="How many times faster the simulated providers are.")] = 1.0,
) -> None:
    """Make a film of a story with simulated providers: nothing is bought, no account is needed."""
    from rich.console import Console

    from storyjob.local.assets import demo_story
    from storyjob.local.demo import Demo, DemoOptions

    with _plain_errors():
        options = DemoOptions(story or demo_story(), output.absolute(), keep, speed)
        _run(Demo(options, _get_binaries(), Console()).run())


@app.command()
def down() -> None:
    """Stop the local world that `up` or `demo --keep` left running."""
    from storyjob.local.record import end_world, running_world

    record = running_world()
    if record is None:
        typer.echo("No local world is running.")
        return
    end_world(record)
    typer.echo(f"Stopped {', '.join(process.name for process in record.processes)}.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def kubectl(context: typer.Context) -> None:
    """Run kubectl against the local world that runs, such as `storyjob local kubectl get storyjobs`."""
    from storyjob.local.kubectl import find_kubectl
    from storyjob.local.record import running_world

    with _plain_errors():
        program = find_kubectl()
        record = running_world()
        if record is None:
            typer.echo("No local world is running; start one with `storyjob local up`.", err=True)
            raise typer.Exit(1)
        environment = {**os.environ, "KUBECONFIG": str(record.kubeconfig)}
        os.execve(program, [str(program), *context.args], environment)  # noqa: S606


async def _up(binaries: Binaries, keep_dir: Path | None, operator: bool) -> None:
    from storyjob.local.installation import Installation
    from storyjob.local.record import ProcessRecord, WorldRecord, forget_world
    from storyjob.local.world import LocalWorld

    async with AsyncExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="storyjob-local-", ignore_cleanup_errors=True)
        folder = keep_dir or Path(stack.enter_context(temporary))
        own = ProcessRecord.ourselves()
        kubeconfig = folder / "kubernetes" / "kubeconfig"
        WorldRecord(folder=folder, kubeconfig=kubeconfig, temporary=False, processes=(own,)).claim()
        stack.callback(forget_world)
        world = await stack.enter_async_context(LocalWorld(binaries, folder))
        processes = list(world.processes)
        if operator:
            installation = await stack.enter_async_context(Installation(world))
            processes += installation.processes
        for name, value in world.environment().items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        typer.echo("\nReady; Ctrl-C ends it.", err=True)
        await _until_one_dies(processes)


async def _until_one_dies(processes: list[Process]) -> None:
    while True:
        for process in processes:
            process.check()
        await asyncio.sleep(0.5)


def _get_binaries() -> Binaries:
    from storyjob.local.binaries import get_binaries
    from storyjob.local.report import Report

    return get_binaries(Report())


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``, and let a polite signal end it as Ctrl-C does, so that it can clean up."""

    async def interruptible() -> None:
        task = asyncio.current_task()
        if task is not None:
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await work

    asyncio.run(interruptible())


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except StoryJobError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("Stopped; nothing is left running.", err=True)
        raise typer.Exit(_INTERRUPTED) from None
