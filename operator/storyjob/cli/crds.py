"""`storyjob crds`: prints, writes or checks the CustomResourceDefinitions and the tables of their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_FOLDER = Path("crds")
_CHART = Path("charts/storyjob/files/crds")


def crds(
    output: Annotated[
        Path | None, typer.Option(help="Folder to write a file per kind to. Without it they are printed.")
    ] = None,
    docs: Annotated[
        Path | None, typer.Option(help="Folder of the pages whose tables of fields are written or checked too.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the files in the folder (default crds/) differ.")
    ] = False,
    chart: Annotated[
        Path, typer.Option(help="Folder of the Helm chart's copies, written and checked as well where it is there.")
    ] = _CHART,
) -> None:
    """Print, write or check the CustomResourceDefinitions."""
    # Here and not above, so that the other commands need not wait for the models and YAML.
    from storyjob.cli.crd_files import manifests, stale, write
    from storyjob.cli.field_tables import stale_pages, write_tables

    copies = [chart] if chart.is_dir() else []
    if check:
        wrong = [path for folder in (output or _FOLDER, *copies) for path in stale(folder)]
        _report(wrong + (stale_pages(docs) if docs else []))
        return
    if output is not None:
        for folder in (output, *copies):
            write(folder)
    if docs is not None:
        write_tables(docs)
    if output is None and docs is None:
        typer.echo(manifests(), nl=False)


def _report(paths: list[Path]) -> None:
    if paths:
        names = ", ".join(map(str, paths))
        typer.echo(f"out of date: {names}; run `make crds` and commit the result", err=True)
        raise typer.Exit(1)
