"""`storyjob try`: shows that an installation works, by a story that costs nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence


def try_story(
    manifests: Annotated[
        Path | None, typer.Argument(help="YAML of Secrets, MediaProviders and StoryJobs.", exists=True)
    ] = None,
    namespace: Annotated[str, typer.Option(help="Where to try it; a namespace that the operator serves.")] = "default",
    ready: Annotated[list[str] | None, typer.Option(help="URL that must answer 200 first; repeatable.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long the story may take.")] = 240,
) -> None:
    """Apply a story like any user, wait for its film, and take all of it away again."""
    import yaml

    from storyjob.api.errors import StoryJobError

    documents = [one for one in yaml.safe_load_all(manifests.read_text("utf-8")) if one] if manifests else []
    try:
        films = asyncio.run(_try(documents, namespace, ready or [], seconds))
    except StoryJobError as error:
        typer.echo(f"storyjob try: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"it works: {films}" if films else "it is ready")


async def _try(documents: Sequence[dict[str, Any]], namespace: str, ready: Sequence[str], seconds: float) -> str:
    from storyjob.cluster.client import Cluster
    from storyjob.cluster.connection import Connection
    from storyjob.reconcile.trial import await_ready, try_story

    await await_ready(ready, seconds=seconds)
    if not documents:
        return ""
    cluster = Cluster(await Connection.load())
    try:
        return await try_story(cluster, namespace, documents, typer.echo, seconds=seconds)
    finally:
        await cluster.close()
