"""`storyjob film`: makes one film. What a film Job runs; it talks to the bucket and to nobody else."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storyjob.api.settings import Settings

MESSAGE_BYTES = 4096  # as much as Kubernetes keeps


def film(
    namespace: Annotated[str, typer.Option(help="The namespace of the story.")],
    film: Annotated[str, typer.Option(help="Hash of the film.")],
    request: Annotated[str, typer.Option(help="Hash of the request for it.")],
    message: Annotated[Path | None, typer.Option(help="Where the reason of a failure is written, too.")] = None,
) -> None:
    """Make the film of a request that lies in the bucket. STORYJOB_* variables say which bucket."""
    from storyjob.api.errors import FilmError, StorageError, StoryJobError
    from storyjob.cli.process import configured
    from storyjob.media.request import HOPELESS
    from storyjob.planning.ending import film_error

    settings = configured()
    try:
        typer.echo(asyncio.run(_make(settings, namespace, film, request)))
    except asyncio.CancelledError:
        raise typer.Exit(128 + signal.SIGTERM) from None
    except StoryJobError as error:
        typer.echo(f"storyjob film: {error}", err=True)
        if message is not None:
            said = film_error(error) if isinstance(error, FilmError) else str(error)
            message.write_bytes(said.encode()[:MESSAGE_BYTES])
        # Only the bucket may be well again in a minute.
        raise typer.Exit(1 if isinstance(error, StorageError) else HOPELESS) from error


async def _make(settings: Settings, namespace: str, film: str, request: str) -> str:
    import tempfile

    from storyjob.media.bucket import StoreConfig
    from storyjob.media.film import FilmMaker
    from storyjob.media.layout import Layout
    from storyjob.media.request import make_film, read_request
    from storyjob.media.shelf import Shelf
    from storyjob.media.store import Store

    task = asyncio.current_task()
    if task is not None:
        # As the first process of a container it would not hear the signal otherwise.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="storyjob-", dir=settings.work_dir) as name:
        work_dir = Path(name)
        store = Store(StoreConfig.of(settings), Shelf(work_dir / "shelf", settings.shelf_bytes))
        maker = FilmMaker(store, work_dir, asyncio.Semaphore(settings.renders))
        try:
            wanted = await read_request(store, Layout(settings.s3_prefix, namespace), film, request)
            made = await make_film(maker, wanted)
        finally:
            await store.aclose()
    return made.model_dump_json(by_alias=True, exclude_none=True)
