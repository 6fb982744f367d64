"""What the long-running commands have in common: settings that say what is wrong with them, logs, an event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from storyjob.api.settings import Settings


def _known(value: str | None) -> str | None:
    if value not in (None, "text", "json"):
        raise typer.BadParameter(f"{value!r} is neither text nor json")
    return value


LogFormat = Annotated[
    str | None, typer.Option("--log-format", help="text or json; else STORYJOB_LOG_FORMAT.", callback=_known)
]


def configured(log_format: str | None = None) -> Settings:
    """Return the settings with logging set up; ends the process naming every variable that is wrong."""
    from pydantic import ValidationError

    from storyjob.api.settings import Settings
    from storyjob.cli.logs import configure

    try:
        settings = Settings.model_validate({})
    except ValidationError as error:
        for problem in error.errors(include_input=False):
            variable = "STORYJOB_" + "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"{variable}: {problem['msg']}", err=True)
        raise typer.Exit(2) from error
    configure(log_format or settings.log_format)
    return settings


def run_to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop: what an operator can do is bounded by one core, and it leaves more of that than asyncio's own."""
    import asyncio

    import uvloop

    from storyjob.cli.ending import ending_soon

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, ending_soon():
        runner.run(work)
