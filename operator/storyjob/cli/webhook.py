"""`storyjob webhook`: runs the sidecar."""

from __future__ import annotations

import typer


def webhook() -> None:
    """Take the providers' callbacks, and serve the HTTP API. Settings come from STORYJOB_* variables."""
    from storyjob.api.errors import StoryJobError
    from storyjob.cli.process import configured, run_to_the_end
    from storyjob_webhook.sidecar import run

    settings = configured()
    try:
        run_to_the_end(run(settings))
    except (StoryJobError, OSError) as error:
        typer.echo(f"storyjob webhook: {error}", err=True)
        raise typer.Exit(1) from error
