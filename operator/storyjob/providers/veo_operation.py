"""Reads a Veo operation: running, failed, filtered, or a clip, in base64 or in a bucket."""

from __future__ import annotations

from collections.abc import Iterable

from storyjob.api.outcome import BytesOutput, Failure, FailureKind, JobPhase, Observation, Result
from storyjob.providers.answers import JsonObject, as_text
from storyjob.providers.cleaning import clean
from storyjob.providers.cloud_storage import CloudStorage
from storyjob.providers.content_filter import is_content_refusal
from storyjob.providers.encoded import decoded
from storyjob.providers.google_error import google_dialect

_CANCELLED = 1
# google.rpc.Code. The job had been taken, so nothing here is Throttled or Unavailable, which are never counted:
# code 8 inside an operation is a shortage of capacity after the start, and counts as a failed try.
_KINDS = {
    3: FailureKind.INVALID,  # INVALID_ARGUMENT
    5: FailureKind.INVALID,  # NOT_FOUND
    7: FailureKind.UNAUTHORIZED,  # PERMISSION_DENIED
    9: FailureKind.INVALID,  # FAILED_PRECONDITION
    11: FailureKind.INVALID,  # OUT_OF_RANGE
    12: FailureKind.INVALID,  # UNIMPLEMENTED
    16: FailureKind.UNAUTHORIZED,  # UNAUTHENTICATED
}


def judge(operation: JsonObject, storage: CloudStorage | None, secrets: Iterable[str]) -> Observation:
    """Return how the operation stands.

    Google calls an operation done, without an error, also when its filter kept every clip back. ``storage`` reads a
    clip that was written to a bucket; None when the credentials cannot.
    """
    if operation.get("done") is not True:
        return Observation(JobPhase.RUNNING)
    error = operation.get("error")
    if isinstance(error, dict) and error:
        return _failed(error, secrets)
    response = operation.get("response")
    response = response if isinstance(response, dict) else {}
    videos = response.get("videos")
    video = videos[0] if isinstance(videos, list) and videos else None
    if isinstance(video, dict):
        return _delivered(video, storage, secrets)
    if response.get("raiMediaFilteredCount") or response.get("raiMediaFilteredReasons"):
        reasons = response.get("raiMediaFilteredReasons")
        shown = "; ".join(as_text(reason) for reason in reasons) if isinstance(reasons, list) else "no reason given"
        return _failure(FailureKind.REFUSED, f"Veo's content filter kept the clip back: {shown}", secrets)
    return _failure(FailureKind.INVALID, "Veo's operation is done but holds no clip", secrets)


def too_large(limit: int) -> Observation:
    """Say that a finished clip does not fit. Final, because it would be as large the next time."""
    what = f"Veo's clip is larger than {limit // 2**20} MiB in base64; ask for fewer seconds or a lower resolution"
    return _failure(FailureKind.INVALID, what, ())


def _delivered(video: JsonObject, storage: CloudStorage | None, secrets: Iterable[str]) -> Observation:
    encoded, mime = video.get("bytesBase64Encoded"), video.get("mimeType")
    if isinstance(encoded, str) and encoded:
        data = decoded(encoded)
        if data is None:
            return _failure(FailureKind.INVALID, "Veo's clip is not base64", secrets)
        content_type = mime if isinstance(mime, str) and mime.startswith("video/") else "video/mp4"
        return Observation(JobPhase.SUCCEEDED, result=Result(BytesOutput(data, content_type)))
    uri = as_text(video.get("gcsUri", "nowhere"))
    output = storage.output(uri) if storage else None
    if output is not None:
        return Observation(JobPhase.SUCCEEDED, result=Result(output))
    what = f"Veo stored the clip at {uri}, which these credentials cannot read; copy it by hand"
    return _failure(FailureKind.INVALID, what, secrets)


def _failed(error: JsonObject, secrets: Iterable[str]) -> Observation:
    code, text = error.get("code"), as_text(error.get("message") or "no reason given")
    if code == _CANCELLED:
        return Observation(JobPhase.CANCELED, message=clean(f"Veo: {text}", secrets))
    kind = _KINDS.get(code, FailureKind.FAILED) if isinstance(code, int) else FailureKind.FAILED
    if is_content_refusal(text):
        kind = FailureKind.REFUSED
    return _failure(kind, f"Veo: {text} (code {as_text(code)})", secrets)


def _failure(kind: FailureKind, message: str, secrets: Iterable[str]) -> Observation:
    return Observation(JobPhase.FAILED, failure=Failure(kind, clean(message, secrets)))


DIALECT = google_dialect("Vertex AI")
