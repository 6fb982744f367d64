"""`storyjob operator`: runs the operator."""

from __future__ import annotations

import logging

import typer

from storyjob.cli.process import LogFormat, configured, run_to_the_end


def operator(log_format: LogFormat = None) -> None:
    """Watch StoryJobs and make them. Settings come from STORYJOB_* variables."""
    from storyjob.cluster.errors import ClusterError
    from storyjob.handlers.startup import run

    settings = configured(log_format)
    try:
        run_to_the_end(run(settings))
    except (ClusterError, OSError) as error:
        logging.getLogger("storyjob.operator").error("the process ends: %s", error, extra={"action": "end"})
        raise typer.Exit(1) from error
