"""What the API server answers when it does not do what was asked.

ClusterError
├── NotFound        404: the object is gone
├── Conflict        409: it exists already, or our resourceVersion is old
├── TestFailed      422: a `test` of a JSON patch did not hold; nothing was written
├── Invalid         422: the schema or a rule refuses the object; the message names the field
├── Forbidden       403: RBAC does not allow it
│   └── Unauthorized 401: the token is missing, wrong or expired
├── Gone            410: the watch's or list's resourceVersion is too old
└── Unavailable     429, 5xx, connection lost, timeout: it may or may not have been done
"""

from __future__ import annotations

from typing import Any

from storyjob.api.errors import StoryJobError


class ClusterError(StoryJobError):
    """The API server did not do what was asked."""


class NotFound(ClusterError):
    """The object is gone."""


class Conflict(ClusterError):
    """The object exists already, or the resourceVersion is old."""


class TestFailed(ClusterError):
    """A JSON patch's `test` did not hold; nothing was written."""

    __test__ = False  # not a test case, whatever pytest makes of the name


class Invalid(ClusterError):
    """The schema or a rule refuses the object; ``field`` names the first wrong one, as "spec.scenes[0].name"."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Forbidden(ClusterError):
    """RBAC does not allow it; a wrong token is the subclass."""


class Unauthorized(Forbidden):
    """The token is missing, wrong or expired."""


class Gone(ClusterError):
    """The resourceVersion to start from is too old."""


class Unavailable(ClusterError):
    """No clear answer; ``retry_after`` seconds where the server said how long to wait."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


_BY_STATUS: dict[int, type[ClusterError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
}


def from_status(what: str, status: int, body: dict[str, Any], retry_after: float | None = None) -> ClusterError:
    """Return the error for an answer; ``what`` names the call, as "patch scenes default/fox"."""
    message = f"{what}: {status} {body.get('message') or body.get('reason') or 'no message'}"
    if status == 422:
        # A failed `test` comes without causes; a schema violation names each field in them.
        causes = (body.get("details") or {}).get("causes")
        return Invalid(message, field=causes[0].get("field")) if causes else TestFailed(message)
    if status in _BY_STATUS:
        return _BY_STATUS[status](message)
    if status == 429 or status >= 500:
        return Unavailable(message, retry_after=retry_after)
    return Invalid(message)
