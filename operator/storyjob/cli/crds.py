"""`storyjob crds`: prints, writes or checks the CustomResourceDefinitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FOLDER = Path("crds")


def crds(
    output: Annotated[
        Path | None, typer.Option(help="Folder to write a file per kind to. Without it they are printed.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the files in the folder (default crds/) differ.")
    ] = False,
) -> None:
    """Print, write or check the CustomResourceDefinitions."""
    # Here and not above, so that the other commands need not wait for the models and YAML.
    from storyjob.cli.crd_files import manifests, stale, write

    if check:
        _report(stale(output or _FOLDER), output or _FOLDER)
    elif output is None:
        typer.echo(manifests(), nl=False)
    else:
        write(output)


def _report(paths: list[Path], folder: Path) -> None:
    if paths:
        names = ", ".join(map(str, paths))
        typer.echo(
            f"out of date: {names}; run `storyjob crds --output {folder}`, remove files of no kind and commit the rest",
            err=True,
        )
        raise typer.Exit(1)
