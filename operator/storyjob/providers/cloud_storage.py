"""Reads a bucket of the user's through Google Cloud Storage's JSON API (cloud.google.com/storage/docs/json_api)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from storyjob.api.errors import CredentialsError, InvalidInput
from storyjob.api.outcome import Authorization, Observation, UrlOutput
from storyjob.egress import origin
from storyjob.providers.answers import JsonObject, observed
from storyjob.providers.base import Connection
from storyjob.providers.exchange import Call, ask
from storyjob.providers.google_access import GoogleAccess
from storyjob.providers.google_error import google_dialect
from storyjob.providers.google_token import TokenUnavailable

ENDPOINT = "https://storage.googleapis.com"
DIALECT = google_dialect("Cloud Storage")

_URI = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220})/(?P<name>[^\s\x00-\x1f]{1,1024})")


@dataclass(frozen=True, slots=True)
class CloudStorage:
    """Cloud Storage, with the service account of a provider."""

    connection: Connection
    access: GoogleAccess

    def attempt_prefix(self, token_hash: str) -> str | None:
        """Return the ``gs://`` prefix that only this attempt writes to, None without ``spec.output``."""
        output = self.connection.output
        return f"{output.prefix.rstrip('/')}/{token_hash}/" if output else None

    def output(self, uri: str) -> UrlOutput | None:
        """Return what a ``gs://`` URI stands for as a download, None when it is no such URI."""
        found = _URI.fullmatch(uri)
        if found is None:
            return None
        path = f"/storage/v1/b/{found['bucket']}/o/{quote(found['name'], safe='')}?alt=media"
        return UrlOutput(self._endpoint + path, authorized=True)

    async def find_video(self, prefix: str) -> UrlOutput | Observation | None:
        """Return the first video under a prefix, None when there is none yet, or why the question was not answered.

        Raises ``CredentialsError``, ``TokenUnavailable`` or ``InvalidInput``.
        """
        found = _URI.fullmatch(prefix)
        if found is None:
            raise InvalidInput(f"spec.output.gcsPrefix {prefix!r} is not gs://bucket/path")
        query = urlencode({"prefix": found["name"], "fields": "items(name,contentType)", "maxResults": "100"})
        headers = await self.access.headers()
        call = Call("GET", f"{self._endpoint}/storage/v1/b/{found['bucket']}/o?{query}", headers)
        reply = self.access.noted(await ask(self.connection.http, call))
        answer = observed(reply, DIALECT, self.access.secrets(headers))
        if isinstance(answer, Observation):
            return answer
        names = sorted(_videos(answer, found["name"]))
        return self.output(f"gs://{found['bucket']}/{names[0]}") if names else None

    async def authorize(self, url: str) -> Authorization | None:
        """Return the credentials for a download from Cloud Storage, None for any other host."""
        try:
            if origin(url) != origin(self._endpoint):
                return None
        except InvalidInput:
            return None
        try:
            return Authorization(self._endpoint, await self.access.headers())
        except TokenUnavailable as error:
            raise CredentialsError(str(error)) from error

    @property
    def _endpoint(self) -> str:
        output = self.connection.output
        return (output.endpoint if output and output.endpoint else ENDPOINT).rstrip("/")


def _videos(listing: JsonObject, prefix: str) -> list[str]:
    items = listing.get("items")
    found = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    names = [(item.get("name"), str(item.get("contentType"))) for item in found]
    return [
        name
        for name, content_type in names
        if isinstance(name, str)
        and name.startswith(prefix)
        and (content_type.startswith("video/") or name[-4:] == ".mp4")
    ]
