"""`storyjob webhook`: runs the sidecar."""

from __future__ import annotations

import asyncio

import typer


def webhook() -> None:
    """Take the providers' callbacks, and serve the HTTP API. Settings come from STORYJOB_* variables."""
    from storyjob.api.errors import StoryJobError
    from storyjob.cli.ending import ending_soon
    from storyjob.cli.process import configured
    from storyjob_webhook.sidecar import run

    settings = configured()
    try:
        with asyncio.Runner() as runner, ending_soon():
            runner.run(run(settings))
    except (StoryJobError, OSError) as error:
        typer.echo(f"storyjob webhook: {error}", err=True)
        raise typer.Exit(1) from error
