"""Builders for tests of provider adapters: requests, attempts, and vendors made of one function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from storyjob.api.http.service import HttpService
from storyjob.api.step import StepKind
from storyjob.providers.base import Attempt, Connection, InputFile, Job, OutputPlace, Provider, Request
from storyjob.providers.http.adapter import HttpProvider
from storyjob.providers.registry import provider_type
from support.declared import example, example_service

TOKEN = "0123456789abcdef0123456789abcdef"
CALLBACK = f"https://hooks.example.com/api/webhooks/job/uid.image?token={TOKEN}"
SECRET = "a-secret-nobody-may-see"

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]

REQUESTS = {
    "replicate": Request(StepKind.IMAGE, "black-forest-labs/flux-dev", "a small fox"),
    "fal": Request(StepKind.IMAGE, "fal-ai/flux/dev", "a small fox"),
    "luma": Request(StepKind.VIDEO, "ray-2", "pan to the moon"),
    "runway": Request(StepKind.VIDEO, "gen4.5", "pan to the moon", input={"ratio": "1280:720", "duration": 5}),
    "bfl": Request(StepKind.IMAGE, "flux-2-pro", "a small fox"),
    "elevenlabs": Request(StepKind.AUDIO, "eleven_multilingual_v2", "A small fox.", voice="aria"),
    "gemini": Request(StepKind.IMAGE, "gemini-3.1-flash-image", "a small fox"),
    "google-imagen": Request(StepKind.IMAGE, "imagen-4.0-generate-001", "a small fox"),
    "google-tts": Request(
        StepKind.AUDIO,
        "gemini-2.5-flash-tts",
        "A small fox.",
        voice="Kore",
        input={"voice": {"languageCode": "en-US"}},
    ),
    "http": Request(StepKind.IMAGE, "black-forest-labs/flux-dev", "a small fox"),
    "openai": Request(StepKind.IMAGE, "gpt-image-2.5-flare", "a small fox"),
    "vertex-veo": Request(StepKind.VIDEO, "veo-3.1-fast-generate-001", "pan to the moon"),
}
CLIPS = {
    **dict.fromkeys(("replicate", "http"), Request(StepKind.VIDEO, "wan-video/wan-2.2-i2v-fast", "pan to the moon")),
    "fal": Request(StepKind.VIDEO, "fal-ai/wan-i2v", "pan to the moon"),
    "gemini": Request(StepKind.VIDEO, "gemini-omni-1.1-flash", "pan to the moon"),
    **{name: request for name, request in REQUESTS.items() if request.step is StepKind.VIDEO},
}
LINKS_ONLY = {"luma"}
"""Types that take a still only as a link."""
OPERATION = "projects/p1/locations/us-central1/publishers/google/models/veo-3.1-fast-generate-001/operations/0123-abcd"
_JOB_IDS = {"elevenlabs": "req-1", "gemini": "v1_abc-123", "openai": "req_1", "vertex-veo": OPERATION}
JOBS = {name: Job(_JOB_IDS.get(name, "abc123"), asked.step, asked.model) for name, asked in REQUESTS.items()}
STILL = InputFile(b"\x89PNG still", "image/png")


def an_attempt(**changes: Any) -> Attempt:
    """Return an attempt with a callback URL, changed as asked."""
    return Attempt(**{"token": TOKEN, "callback_url": CALLBACK, "deadline_seconds": 1800, **changes})


@dataclass
class Vendor:
    """A vendor that answers with a function and remembers what it was asked."""

    answer: Answer
    asked: list[httpx.Request] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Take one request, as a transport's handler does."""
        await request.aread()
        self.asked.append(request)
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer


def connect(
    type_: str, vendor: Vendor, secret: str = SECRET, endpoint: str = "", output: OutputPlace | None = None
) -> Provider:
    """Return the adapter of ``type_``, connected to a vendor in memory."""
    return provider_type(type_).build(replace(connection(type_, vendor, secret, endpoint), output=output))


def connection(type_: str, vendor: Vendor, secret: str = SECRET, endpoint: str = "") -> Connection:
    """Return a connection to a vendor in memory."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    known = endpoint or provider_type(type_).endpoint or "https://predictions.example.com"
    return Connection(known, secret, http, service=description(type_))


def description(type_: str) -> HttpService | None:
    """Return what a service of type http is described as where any will do: one that speaks Replicate's API."""
    return example_service("replicate") if type_ == "http" else None


def a_studio(vendor: Vendor, secret: str = SECRET, **changes: Any) -> HttpProvider:
    """Return the adapter of the example http-webhook.yaml, with parts of its description changed."""
    service = HttpService.model_validate(example("webhook")["spec"]["http"] | changes)
    http = httpx.AsyncClient(transport=httpx.MockTransport(vendor))
    return HttpProvider(Connection("https://studio.example.com/base", secret, http, service))


def answering(status: int, **kwargs: Any) -> Vendor:
    """Return a vendor that always answers the same: ``json=``, ``content=``, ``headers=``."""
    return Vendor(lambda request: httpx.Response(status, **kwargs))


def raising(error: Exception) -> Vendor:
    """Return a vendor whose connection always fails the same way."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return Vendor(answer)
