"""`storyjob simulator`: runs the fake provider world."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from storyjob.simulator.fault import Fault
    from storyjob.simulator.settings import Settings


def simulator(  # noqa: PLR0913 - the options of a command
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    speed: Annotated[float, typer.Option(min=0.001, help="Divides the time that jobs take.")] = 1.0,
    media: Annotated[str, typer.Option(help="real, or small for thousands of jobs.")] = "real",
    public_url: Annotated[str | None, typer.Option(help="How clients reach us, for links.")] = None,
    image_seconds: Annotated[float, typer.Option(min=0)] = 3.0,
    video_seconds: Annotated[float, typer.Option(min=0)] = 8.0,
    speech_seconds: Annotated[float | None, typer.Option(min=0, help="Default: 0.06 a character.")] = None,
    link_seconds: Annotated[float, typer.Option(min=0, help="How long outputs can be downloaded.")] = 3600.0,
    speech_concurrency: Annotated[int, typer.Option(min=1, help="ElevenLabs' narrations at once.")] = 5,
    faults: Annotated[Path | None, typer.Option(help="A fault script (JSON).", exists=True)] = None,
) -> None:
    """Serve look-alikes of the vendors that make real media and cost nothing."""
    from storyjob.simulator.settings import MediaMode, Settings

    if media not in list(MediaMode):
        raise typer.BadParameter(f"{media!r} is neither real nor small", param_hint="--media")
    settings = Settings(
        speed=speed,
        media=MediaMode(media),
        public_url=public_url.rstrip("/") if public_url else None,
        image_seconds=image_seconds,
        video_seconds=video_seconds,
        speech_seconds=speech_seconds,
        link_seconds=link_seconds,
        speech_concurrency=speech_concurrency,
    )
    asyncio.run(_serve(settings, host, port, _read_script(faults) if faults else []))


def _read_script(path: Path) -> list[Fault]:
    from pydantic import ValidationError

    from storyjob.simulator.control import describe
    from storyjob.simulator.fault import SCRIPT

    try:
        return SCRIPT.validate_json(path.read_bytes())
    except ValidationError as error:
        problems = "; ".join(f"{problem['field']}: {problem['message']}" for problem in describe(error))
        raise typer.BadParameter(f"{path}: {problems}", param_hint="--faults") from error


async def _serve(settings: Settings, host: str, port: int, faults: list[Fault]) -> None:
    from storyjob.simulator.server import serve
    from storyjob.simulator.vendors import VENDORS

    bases = ", ".join(f"/{name}" for name in sorted(VENDORS))
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    async with serve(settings, host=host, port=port, faults=faults) as url:
        typer.echo(f"simulator ready: {url} (bases {bases}; control /_sim)")
        await stopped.wait()
