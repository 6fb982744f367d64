"""`storyjob webhook`: runs the sidecar."""

from __future__ import annotations

import logging

import typer

from storyjob.cli.process import LogFormat, configured, run_to_the_end


def webhook(log_format: LogFormat = None) -> None:
    """Take the providers' callbacks, and serve the HTTP API. Settings come from STORYJOB_* variables."""
    from storyjob.api.errors import StoryJobError
    from storyjob_webhook.sidecar import run

    settings = configured(log_format)
    try:
        run_to_the_end(run(settings))
    except (StoryJobError, OSError) as error:
        logging.getLogger("storyjob.webhook").error("the process ends: %s", error, extra={"action": "end"})
        raise typer.Exit(1) from error
