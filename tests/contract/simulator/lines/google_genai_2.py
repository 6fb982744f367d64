# /// script
# requires-python = ">=3.11"
# dependencies = ["google-genai==2.34.0"]
# ///
"""Google's 2 client, as its users use it. Takes the simulator's URL; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

from google import genai
from google.genai import errors, types

OMNI, VEO, IMAGEN = "gemini-omni-1.1-flash", "veo-3.1-fast-generate-001", "imagen-4.0-generate-001"
PAUSE, PATIENCE = 0.05, 30.0  # seconds


def connected(url: str, key: str, **more: Any) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url), **more)


def awaited(ask: Any) -> Any:
    end = time.monotonic() + PATIENCE
    while (found := ask()) is None and time.monotonic() < end:
        time.sleep(PAUSE)
    return found


def interaction(client: genai.Client, text: str, **wanted: Any) -> Any:
    started = client.interactions.create(model=OMNI, input=text, background=True, response_format=wanted)
    return awaited(lambda: _ended(client.interactions.get(started.id)))


def _ended(latest: Any) -> Any:
    return latest if latest.status not in ("queued", "in_progress") else None


def filmed(client: genai.Client, text: str) -> types.GenerateVideosOperation:
    source = types.GenerateVideosSource(prompt=text)
    operation = client.models.generate_videos(
        model=VEO, source=source, config=types.GenerateVideosConfig(duration_seconds=4)
    )

    def ask() -> types.GenerateVideosOperation | None:
        latest = client.operations.get(operation)
        return latest if latest.done else None

    done: types.GenerateVideosOperation = awaited(ask)
    return done


def interactions(client: genai.Client) -> dict[str, object]:
    clip = interaction(client, "a clip", type="video", duration="4s", delivery="uri")
    content = [item for step in clip.steps for item in step.content or []]
    name = content[0].uri.rpartition("/")[2].partition(":")[0]
    seen: dict[str, object] = {"status": clip.status, "mime": content[0].mime_type}
    seen["bytes"] = len(client.files.download(file=f"files/{name}"))
    endless = client.interactions.create(model=OMNI, input="endless", background=True)
    seen["cancelled"] = client.interactions.cancel(endless.id).status
    return seen


def main(simulator: str) -> dict[str, object]:
    seen: dict[str, object] = {"sdk": version("google-genai")}
    with connected(f"{simulator}/gemini", "AIza-simulator") as gemini:
        seen["interactions"] = interactions(gemini)
    with connected(f"{simulator}/vertex", "AIza-simulator", vertexai=True) as vertex:
        video = filmed(vertex, "a clip of Veo").result.generated_videos[0].video
        seen["veo"] = {"mime": video.mime_type, "bytes": len(video.video_bytes)}
        config = types.GenerateImagesConfig(number_of_images=1, aspect_ratio="16:9")
        drawn = vertex.models.generate_images(model=IMAGEN, prompt="a picture", config=config).generated_images[0].image
        seen["imagen"] = {"mime": drawn.mime_type, "bytes": len(drawn.image_bytes)}
    with connected(f"{simulator}/vertex", "AIza-stranger", vertexai=True) as stranger:
        try:
            filmed(stranger, "a stranger's")
        except errors.ClientError as error:
            seen["stranger"] = {"code": error.code, "status": error.status}
    return seen


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
