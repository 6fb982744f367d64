"""`storyjob webhook`: runs the sidecar."""

from __future__ import annotations

import asyncio

import typer


def webhook() -> None:
    """Take the providers' callbacks, and serve the HTTP API. Settings come from the environment (STORYJOB_…)."""
    from pydantic import ValidationError

    from storyjob.api.errors import StoryJobError
    from storyjob.api.settings import Settings
    from storyjob_webhook.logs import configure
    from storyjob_webhook.sidecar import run

    try:
        settings = Settings.model_validate({})
        configure(settings.log_format)
        asyncio.run(run(settings))
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            variable = "STORYJOB_" + "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"{variable}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error
    except (StoryJobError, OSError) as error:
        typer.echo(f"storyjob webhook: {error}", err=True)
        raise typer.Exit(1) from error
