"""The `storyjob` command: one file a subcommand, imported only when it runs so that each starts quickly."""

from __future__ import annotations

import typer

from storyjob.cli import local
from storyjob.cli.crds import crds
from storyjob.cli.film import film
from storyjob.cli.operator import operator
from storyjob.cli.simulator import simulator
from storyjob.cli.try_story import try_story
from storyjob.cli.uninstall import uninstall
from storyjob.cli.webhook import webhook

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(local.app, name="local")


@app.callback()
def storyjob() -> None:
    """Turns a story written as YAML into a finished film, on Kubernetes."""


app.command()(crds)
app.command()(film)
app.command()(operator)
app.command()(simulator)
app.command(name="try")(try_story)
app.command()(uninstall)
app.command()(webhook)


if __name__ == "__main__":
    app()
