"""How a request is turned down: one exception, one JSON shape on both ports."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


class Refusal(Exception):
    """A request is not served. What it says goes to the caller, so it never holds a token or a secret."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """Return ``{"error": {"code", "message", "field"?}}``."""
        error = {"code": self.code, "message": self.message}
        if self.field:
            error["field"] = self.field
        return web.json_response({"error": error}, status=self.status, headers=self.headers)


def try_later(code: str, message: str, seconds: float = 5) -> Refusal:
    """Return a 503: nothing is wrong with the request, and repeating it will help."""
    return Refusal(503, code, message, headers={"Retry-After": str(max(1, round(seconds)))})
