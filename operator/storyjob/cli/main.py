"""The `storyjob` command: one file a subcommand, imported only when it runs so that each starts quickly."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def storyjob() -> None:
    """Turns a story written as YAML into a finished film, on Kubernetes."""


if __name__ == "__main__":
    app()
