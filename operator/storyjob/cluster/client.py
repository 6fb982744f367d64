"""The only code that sends requests to the API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import aiohttp

from storyjob.cluster.connection import Connection
from storyjob.cluster.errors import Invalid, Unavailable, from_status
from storyjob.cluster.resources import Resource
from storyjob.killpoint import Act, crossing

Json = dict[str, Any]
Page = tuple[list[Json], str]

REQUEST_SECONDS = 10.0
PAGE = 500  # objects a list page; keeps one answer of large stories below some megabytes
WATCH_SECONDS = 290  # the server ends a watch after this
# A living watch says something each minute, were it only a bookmark; one that says nothing for longer is dead.
SILENCE_SECONDS = 75.0


class Cluster:
    """Reads and writes objects as plain JSON. Raises ``ClusterError`` and nothing else.

    Reads are tried again by callers, writes are not: only the caller knows whether repeating is safe.
    """

    def __init__(self, connection: Connection, *, token: str | None = None) -> None:
        self._connection = connection
        self._token = token
        self.writes = 0

    def acting_as(self, token: str) -> Cluster:
        """Return a client over the same connections that proves itself with the given bearer token."""
        return Cluster(self._connection, token=token)

    async def close(self) -> None:
        await self._connection.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Return one object."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> tuple[list[Json], str]:
        """Return all objects, read consistently page by page, and the resourceVersion to watch from."""
        items: list[Json] = []
        version = ""
        async for page, at in self.pages(resource, namespace, selector=selector):
            items += page
            version = at
        return items, version

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> AsyncIterator[Page]:
        """Yield all objects of one consistent read page by page, each with the resourceVersion to watch from.

        Raises ``Gone`` when the pages took so long that the read cannot be consistent any more.
        """
        query: dict[str, str] = {"limit": str(PAGE)}
        if selector:
            query["labelSelector"] = selector
        while True:
            page = await self._call("GET", resource.path(namespace), query=query)
            more = page["metadata"].get("continue")
            yield page["items"], page["metadata"]["resourceVersion"]
            if not more:
                return
            query["continue"] = more

    async def watch(
        self, resource: Resource, namespace: str | None, resource_version: str, *, selector: str | None = None
    ) -> AsyncIterator[tuple[str, Json]]:
        """Yield (type, object) from a resourceVersion on, bookmarks included, until the server ends the watch."""
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if selector:
            query["labelSelector"] = selector
        what = f"watch {resource.plural}"
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answer = await self._connection.watches().get(
                    self._connection.server + resource.path(namespace),
                    params=query,
                    headers=await self._headers(None),
                    timeout=aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS),
                )
            async with answer:
                if answer.status != 200:
                    raise from_status(what, answer.status, await _body(answer))
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise from_status(what, event["object"].get("code", 500), event["object"])
                    yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable(f"{what}: {str(error) or type(error).__name__}") from error

    async def create(self, resource: Resource, namespace: str | None, body: Json) -> Json:
        """Create one object and return it."""
        return await self._call("POST", resource.path(namespace), body=body)

    async def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        subresource: str | None = None,
    ) -> Json:
        """Patch by RFC 6902 and return the object; raises ``TestFailed`` when a `test` does not hold."""
        path = resource.path(namespace, name, subresource)
        return await self._call("PATCH", path, body=list(operations), content_type="application/json-patch+json")

    async def merge_patch(self, resource: Resource, namespace: str, name: str, body: Json) -> Json:
        """Patch by RFC 7386 and return the object."""
        path = resource.path(namespace, name)
        return await self._call("PATCH", path, body=body, content_type="application/merge-patch+json")

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, propagation: str | None = None
    ) -> Json:
        """Delete one object if it still is the one meant; raises ``Conflict`` when another took its name.

        ``propagation`` says what becomes of what it owns, as in ``DeleteOptions``; the kind's own default when absent.
        Returns the object while finalizers hold it, else a ``Status``.
        """
        options: Json = {"preconditions": {"uid": uid}}
        if propagation:
            options["propagationPolicy"] = propagation
        return await self._call("DELETE", resource.path(namespace, name), body=options)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Json:
        what = f"{method} {path}"
        self.writes += method != "GET"
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                with nullcontext() if method == "GET" else crossing(Act.WRITE):
                    return await self._send(what, method, path, query, body, content_type)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{what}: {str(error) or type(error).__name__}") from error

    async def _send(
        self, what: str, method: str, path: str, query: Mapping[str, str] | None, body: Any, content_type: str
    ) -> Json:
        async with self._connection.requests().request(
            method,
            self._connection.server + path,
            params=query,
            data=None if body is None else json.dumps(body),
            headers=await self._headers(content_type),
            allow_redirects=False,
        ) as answer:
            content = await _body(answer)
            if answer.status >= 300:
                raise from_status(what, answer.status, content, _retry_after(answer))
            return content

    async def _headers(self, content_type: str | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "storyjob-operator"}
        if content_type:
            headers["Content-Type"] = content_type
        if self._token is None:
            return headers | await self._connection.authorization()
        return headers | {"Authorization": f"Bearer {self._token}"}


async def _body(answer: aiohttp.ClientResponse) -> Json:
    raw = await answer.read()
    try:
        content = json.loads(raw)
    except ValueError as error:
        if answer.status >= 300:
            return {"message": raw[:200].decode(errors="replace")}
        raise Invalid(
            f"{answer.method} {answer.url.path}: the API server answered {answer.status} without JSON"
        ) from error
    return content if isinstance(content, dict) else {"message": str(content)[:200]}


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
