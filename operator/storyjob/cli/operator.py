"""`storyjob operator`: runs the operator."""

from __future__ import annotations

import asyncio
import logging

import typer

from storyjob.cli.process import LogFormat, configured


def operator(log_format: LogFormat = None) -> None:
    """Watch StoryJobs and make them. Settings come from STORYJOB_* variables."""
    from storyjob.cluster.errors import ClusterError
    from storyjob.handlers.startup import run

    settings = configured(log_format)
    try:
        asyncio.run(run(settings))
    except (ClusterError, OSError) as error:
        logging.getLogger("storyjob.operator").error("the process ends: %s", error, extra={"action": "end"})
        raise typer.Exit(1) from error
