"""`storyjob uninstall`: what the chart runs before a release goes."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storyjob.reconcile.uninstall import Installation


class Policy(StrEnum):
    """What to do about stories that are being made."""

    REFUSE = "Refuse"
    DROP = "Drop"


def uninstall(
    deployment: Annotated[str, typer.Option(help="The operator's Deployment.")],
    selector: Annotated[str, typer.Option(help="Label selector of the operator's pods.")],
    lease: Annotated[str, typer.Option(help="The operator's Lease.")],
    policy: Annotated[Policy, typer.Option(help="While stories are being made.")] = Policy.REFUSE,
    film_jobs: Annotated[bool, typer.Option("--film-jobs", help="Films are made by Jobs: delete those left.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="How long the operator may take to stop.")] = 200,
) -> None:
    """Stop the operator and take its finalizers off all objects. STORYJOB_* variables say which namespaces."""
    from storyjob.api.errors import StoryJobError
    from storyjob.cli.process import configured
    from storyjob.reconcile.uninstall import Installation

    settings = configured()
    served = settings.watch_namespaces or (None,)
    installation = Installation(settings.namespace, deployment, selector, lease, served, film_jobs)
    try:
        count = asyncio.run(_uninstall(installation, policy, seconds))
    except StoryJobError as error:
        typer.echo(f"storyjob uninstall: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"the operator is stopped; {count} objects were let go")


async def _uninstall(installation: Installation, policy: Policy, seconds: float) -> int:
    from storyjob.cluster.client import Cluster
    from storyjob.cluster.connection import Connection
    from storyjob.reconcile.uninstall import let_go, refuse_while_running, stop_operator

    cluster = Cluster(await Connection.load())
    try:
        if policy is Policy.REFUSE:
            await refuse_while_running(cluster, installation)
        await stop_operator(cluster, installation, seconds=seconds)
        return await let_go(cluster, installation)
    finally:
        await cluster.close()
