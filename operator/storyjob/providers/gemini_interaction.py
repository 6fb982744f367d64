"""Reads an interaction of Google's: how it stands, why it failed, and the picture or clip among its steps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from storyjob.api.outcome import (
    BytesOutput,
    Failure,
    FailureKind,
    JobPhase,
    Observation,
    Output,
    Result,
    UrlOutput,
)
from storyjob.api.step import StepKind
from storyjob.providers.answers import Dialect, JsonObject, as_text, json_object
from storyjob.providers.cleaning import clean
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.encoded import decoded
from storyjob.providers.exchange import Reply
from storyjob.providers.google_error import error_of, refine

FILE = re.compile(
    r"(?P<file>https?://[^\s?#]+/v1(?:alpha|beta)?/files/(?P<id>[a-z0-9-]{1,64}))(?::download\?alt=media)?"
)
"""The address of a file, or of its content."""

# https://ai.google.dev/gemini-api/docs/api-errors, "Generation blocked codes" and the standard ones.
_BLOCKED = frozenset(
    {
        *("safety", "recitation", "language", "prohibited_content", "spii", "blocklist", "content_blocked"),
        *("image_safety", "image_prohibited_content", "image_recitation", "image_other"),
    }
)
_KINDS = {
    **dict.fromkeys(_BLOCKED, FailureKind.REFUSED),
    "invalid_request": FailureKind.INVALID,
    "failed_precondition": FailureKind.INVALID,
    "out_of_range": FailureKind.INVALID,
    "parameter_unknown": FailureKind.INVALID,
    "model_not_found": FailureKind.INVALID,
    "authentication": FailureKind.UNAUTHORIZED,
    "permission_denied": FailureKind.UNAUTHORIZED,
    "payment_required": FailureKind.QUOTA,
    "quota_exceeded": FailureKind.QUOTA,
}
# Nobody will ever do what these wait for.
_STUCK = ("requires_action", "requires_continuation")


def judge(interaction: JsonObject, step: StepKind, secrets: tuple[str, ...]) -> Observation:
    """Return how the interaction stands. Statuses: google-genai's ``InteractionStatus``."""
    match interaction.get("status"):
        case "queued":
            return Observation(JobPhase.QUEUED)
        case "in_progress":
            return Observation(JobPhase.RUNNING)
        case "completed":
            output = find_output(interaction, step)
            if output is not None:
                return Observation(JobPhase.SUCCEEDED, result=Result(output))
            return _failed(interaction, f"completed, but holds no {step.value}", secrets)
        case "cancelled":
            return Observation(JobPhase.CANCELED, message="Gemini: the interaction was cancelled")
        case "failed" | "incomplete" | "budget_exceeded" as status:
            return _failed(interaction, status, secrets)
        case str(status) if status in _STUCK:
            what = f"Gemini: {status}, which nobody answers here; leave input.tools out"
            return _failure(FailureKind.INVALID, what, secrets)
        case other:
            shown = clean(as_text(other), secrets)
            return Observation(JobPhase.RUNNING, message=f"Gemini: unknown status {shown!r}, taken for running")


def judge_file(file: JsonObject, delivered: Observation, secrets: tuple[str, ...]) -> Observation:
    """Return ``delivered`` once its file can be downloaded. States: ai.google.dev/api/files."""
    match file.get("state"):
        case "PROCESSING":
            return Observation(JobPhase.RUNNING, message="Gemini: the clip is made and still being processed")
        case "FAILED":
            reason = error_of(file).get("message") or "no reason given"
            return _failure(FailureKind.FAILED, f"Gemini: the clip's file failed: {as_text(reason)}", secrets)
        case _:
            return delivered


def find_output(interaction: JsonObject, step: StepKind) -> Output | None:
    """Return the last picture or clip that the model put out."""
    for content in reversed(list(_contents(interaction))):
        if content.get("type") != step.value:
            continue
        data, uri, mime = decoded(content.get("data")), content.get("uri"), content.get("mime_type")
        if data is not None:
            fits = isinstance(mime, str) and mime.startswith(f"{step.value}/")
            return BytesOutput(data, str(mime) if fits else "application/octet-stream")
        if isinstance(uri, str) and uri.startswith(("https://", "http://")):
            found = FILE.fullmatch(uri)
            return UrlOutput(f"{found['file']}:download?alt=media" if found else uri, authorized=True)
    return None


def may_be_cancelled_no_more(reply: Reply) -> bool:
    """Return whether a cancel came too late, which is as good as done."""
    code = error_of(json_object(reply.body) or {}).get("code")
    return reply.status in (400, 409) and code in ("failed_precondition", "aborted")


def _failed(interaction: JsonObject, what: str, secrets: tuple[str, ...]) -> Observation:
    kind, reasons = FailureKind.FAILED, []
    for code, message in _errors(interaction):
        kind = _KINDS.get(code, kind)
        reasons.append(f"{code}: {message}" if code else message)
    # A model that will not draw often says so in words, and calls that a success.
    said = [as_text(content["text"]) for content in _contents(interaction) if content.get("text")]
    text = "; ".join(reasons or said) or "no reason given"
    if kind is FailureKind.FAILED and is_content_refusal(text):
        kind = FailureKind.REFUSED
    return _failure(kind, f"Gemini: {what}: {text}", secrets)


def _errors(interaction: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield code and message of everything that went wrong, wherever it is written."""
    listed = interaction.get("errors")
    inside = [step.get("error") for step in _outputs(interaction)]
    for error in [*(listed if isinstance(listed, list) else []), error_of(interaction), *inside]:
        if isinstance(error, dict) and error:
            # google-genai calls the code a URI, the documentation a word.
            code = as_text(error.get("code") or "").rpartition("/")[2]
            yield code, as_text(error.get("message") or "no reason given")


def _outputs(interaction: JsonObject) -> Iterator[JsonObject]:
    steps = interaction.get("steps")
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and step.get("type") == "model_output":
            yield step


def _contents(interaction: JsonObject) -> Iterator[JsonObject]:
    for step in _outputs(interaction):
        contents = step.get("content")
        yield from (item for item in (contents if isinstance(contents, list) else []) if isinstance(item, dict))


def _failure(kind: FailureKind, message: str, secrets: tuple[str, ...]) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, clean(message, secrets)))


def _words(document: JsonObject) -> str:
    error = error_of(document)
    text = as_text(error["message"]) if error.get("message") else as_text(document)
    code = error.get("code")
    return f"{code}: {text}" if isinstance(code, str) and code else text


def _refine(status: int, document: JsonObject) -> FailureKind | None:
    code = error_of(document).get("code")
    return (_KINDS.get(code) if isinstance(code, str) else None) or refine(status, document)


DIALECT = Dialect("Gemini", _words, refine=_refine)
