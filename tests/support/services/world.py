"""Services that run for one test, the adapters to them, and what tests ask of outcomes."""

from __future__ import annotations

import io
from contextlib import AsyncExitStack
from typing import Any

import httpx
from PIL import Image

from storyjob.api.outcome import Accepted, BytesOutput, Done, FailureKind, Observation, Rejected, Submission
from storyjob.api.step import StepKind
from storyjob.providers.base import Job, Request
from storyjob.providers.http.adapter import HttpProvider
from support.declared import declared
from support.services.answering import KEY as IMAGES_KEY
from support.services.answering import Cog, OpenAiImages
from support.services.comfyui import ComfyUi
from support.services.service import Service, serving
from support.services.studio import KEY as STUDIO_KEY
from support.services.studio import Studio
from support.vendors import an_attempt

ATTEMPT = an_attempt(callback_url=None)
FOX = Request(StepKind.IMAGE, "house-1", 'a "small" fox {{prompt}} \\ {"a": 1}')


class World:
    """Services that run for one test, and adapters to them."""

    def __init__(self, stack: AsyncExitStack, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self.http = http

    async def run(self, service: Service) -> None:
        await self._stack.enter_async_context(serving(service))

    async def studio(self, key: str = STUDIO_KEY, **changes: Any) -> tuple[Studio, HttpProvider]:
        service = Studio(at_once=False)
        await self.run(service)
        return service, declared("webhook", service.url, self.http, key, **changes)

    async def comfyui(self) -> tuple[ComfyUi, HttpProvider]:
        service = ComfyUi()
        await self.run(service)
        return service, declared("comfyui", service.url, self.http)

    async def cog(self) -> tuple[Cog, HttpProvider]:
        service = Cog()
        await self.run(service)
        return service, declared("cog", service.url, self.http)

    async def images(self, key: str = IMAGES_KEY) -> tuple[OpenAiImages, HttpProvider]:
        service = OpenAiImages()
        await self.run(service)
        return service, declared("openai", service.url, self.http, key)


def job_of(outcome: Submission, request: Request = FOX) -> Job:
    assert isinstance(outcome, Accepted), outcome
    return Job(outcome.job_id, request.step, request.model, outcome.handles)


def kind_of(outcome: Submission | Observation) -> FailureKind:
    assert isinstance(outcome, Rejected | Observation), outcome
    assert outcome.failure is not None
    return outcome.failure.kind


def bytes_of(seen: Observation | Submission) -> bytes:
    assert isinstance(seen, Observation | Done)
    assert seen.result is not None, seen
    assert isinstance(seen.result.output, BytesOutput)
    assert Image.open(io.BytesIO(seen.result.output.data)).size == (64, 36)
    return seen.result.output.data
