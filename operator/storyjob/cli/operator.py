"""`storyjob operator`: runs the operator."""

from __future__ import annotations

import asyncio

import typer


def operator() -> None:
    """Watch StoryJobs and make them. Settings come from STORYJOB_* variables."""
    from storyjob.cli.ending import ending_soon
    from storyjob.cli.process import configured
    from storyjob.cluster.errors import ClusterError
    from storyjob.handlers.startup import run

    settings = configured()
    try:
        with asyncio.Runner() as runner, ending_soon():
            runner.run(run(settings))
    except (ClusterError, OSError) as error:
        typer.echo(f"storyjob operator: {error}", err=True)
        raise typer.Exit(1) from error
