"""Speaks Vertex AI's prediction for Imagen pictures: one synchronous call (docs/providers/google-imagen.md)."""

from __future__ import annotations

from typing import Any

from storyjob.api.capabilities import Capabilities, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.outcome import (
    BytesOutput,
    Done,
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Rejected,
    Result,
    Submission,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import as_text, submitted, unknown
from storyjob.providers.base import Attempt, Connection, Job, Request
from storyjob.providers.cleaning import clean
from storyjob.providers.encoded import decoded
from storyjob.providers.exchange import MEDIA_BYTES, Call, NoReply, Reply, digest, endpoint_url, exchange, json_body
from storyjob.providers.google_access import GoogleAccess, NotSent, unsent
from storyjob.providers.google_error import google_dialect
from storyjob.providers.vertex_place import model_path

CAPABILITIES = Capabilities(
    steps=frozenset({StepKind.IMAGE}),
    modes=frozenset({Mode.SYNC}),
    submit_seconds=120.0,
)
DIALECT = google_dialect("Imagen")


class Imagen:
    """Imagen on Vertex AI, with an API key or a service account."""

    capabilities = CAPABILITIES

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._access = GoogleAccess(connection)

    async def submit(self, request: Request, attempt: Attempt) -> Submission:
        """Have one picture made and wait for it."""
        secrets: tuple[str, ...] = (self._access.secret, attempt.token)
        try:
            headers = await self._access.headers()
            call = self._predict(request, headers)
        except NotSent as error:
            return unsent(error, secrets)
        secrets = (attempt.token, *self._access.secrets(headers))
        reply = self._access.noted(await exchange(self._connection.http, call, CAPABILITIES.submit_seconds))
        return await digest(reply, lambda answer: _submission(answer, secrets))

    async def observe(self, job: Job) -> Observation:
        """Say that there is nothing to ask: the picture came with the answer to submit or is lost."""
        return Observation(JobPhase.GONE, message="Imagen sends the picture with the answer and keeps no job")

    async def cancel(self, job: Job) -> None:
        """Do nothing: a synchronous call cannot be cancelled (``Cancel.NONE``)."""

    def _predict(self, request: Request, headers: dict[str, str]) -> Call:
        if request.step not in CAPABILITIES.steps:
            raise InvalidInput(f"Imagen makes pictures, not a step of kind {request.step.value}")
        if request.image is not None:
            raise InvalidInput("Imagen's pictures start from a prompt only; use another provider to start from one")
        inputs = dict(request.input)
        path = model_path(request.model, inputs, self._access.account(), self._connection.endpoint)
        url = endpoint_url(self._connection, f"{path}:predict")
        return Call("POST", url, headers, json_body(_body(request, inputs)), MEDIA_BYTES)


def _body(request: Request, inputs: dict[str, Any]) -> dict[str, Any]:
    if "storageUri" in inputs:
        raise InvalidInput("input.storageUri is not supported: the picture is taken from the answer; leave it out")
    body: dict[str, Any] = {"instances": [{"prompt": request.text}]}
    if "labels" in inputs:
        body["labels"] = inputs.pop("labels")
    # One picture: a step uses one, and every one is charged.
    parameters: dict[str, Any] = {"sampleCount": 1, "includeRaiReason": True}
    # Google refuses a seed together with the watermark that it adds unless told not to:
    # cloud.google.com/vertex-ai/generative-ai/docs/model-reference/imagen-api
    if request.seed is not None and inputs.get("addWatermark") is False:
        parameters["seed"] = request.seed
    return {**body, "parameters": {**parameters, **inputs}}


def _submission(reply: Reply | NoReply, secrets: tuple[str, ...]) -> Submission:
    """Return the first picture, or that a filter kept all of them back, which Google also calls a success."""
    document = submitted(reply, DIALECT, secrets)
    if not isinstance(document, dict):
        return document
    predictions = document.get("predictions")
    found = [item for item in predictions if isinstance(item, dict)] if isinstance(predictions, list) else []
    for item in found:
        data, mime = decoded(item.get("bytesBase64Encoded")), item.get("mimeType")
        if data is not None:
            content_type = mime if isinstance(mime, str) and mime.startswith("image/") else "image/png"
            return Done(Result(BytesOutput(data, content_type)))
    reasons = [as_text(item["raiFilteredReason"]) for item in found if item.get("raiFilteredReason")]
    if reasons:
        message = clean(f"Imagen's content filter kept the picture back: {'; '.join(reasons)}", secrets)
        return Rejected(Failure(FailureKind.REFUSED, message))
    return unknown(DIALECT, "answered without a picture that can be read", secrets)
