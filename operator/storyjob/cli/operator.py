"""`storyjob operator`: runs the operator."""

from __future__ import annotations

import typer


def operator() -> None:
    """Watch StoryJobs and make them. Settings come from STORYJOB_* variables."""
    from storyjob.cli.process import configured, run_to_the_end
    from storyjob.cluster.errors import ClusterError
    from storyjob.handlers.startup import run

    settings = configured()
    try:
        run_to_the_end(run(settings))
    except (ClusterError, OSError) as error:
        typer.echo(f"storyjob operator: {error}", err=True)
        raise typer.Exit(1) from error
