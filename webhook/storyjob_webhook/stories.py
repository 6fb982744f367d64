"""The HTTP API of the earlier service: create a story, ask how far it is. Acts with the caller's own token only."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection
from typing import Any

from aiohttp import web

from storyjob.api.resource import API_VERSION, GROUP
from storyjob.cluster.client import Cluster
from storyjob.cluster.errors import ClusterError, Conflict
from storyjob.cluster.resources import PROVIDERS, STORYJOBS
from storyjob_webhook.bodies import Bodies
from storyjob_webhook.caller import bearer, refusal
from storyjob_webhook.makers import complete, incomplete
from storyjob_webhook.refusal import Refusal
from storyjob_webhook.story_request import StoryRequest, parse_story
from storyjob_webhook.story_status import job_id, report

REQUEST_ANNOTATION = f"{GROUP}/request-sha256"
"""Which request made a StoryJob, so that a repeated Idempotency-Key can be told from a misused one."""

_JOB_ID = re.compile(
    r"(?P<namespace>[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)\.(?P<name>[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)"
)
_KEY_LIMIT = 255
MAX_STORY = 2 * 2**20  # bytes; a StoryJob of more than 1.5 MiB is not taken by the API server anyway


class Stories:
    """`POST /create-story` and `GET /status`."""

    def __init__(self, callers: Cluster, namespaces: Collection[str]) -> None:
        """``callers`` must have no identity of its own; ``namespaces`` are those served, all when empty."""
        self._callers = callers
        self._bodies = Bodies()
        self._namespaces = frozenset(namespaces)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/create-story", self.create), web.get("/status", self.status)]

    async def create(self, request: web.Request) -> web.Response:
        """Create a StoryJob and answer its id."""
        token = bearer(request)
        cluster = self._callers.acting_as(token)
        key = _idempotency_key(request)
        # By the token's hash: who it belongs to is known only once the API server is asked.
        async with self._bodies.read(request, "", hash(token), limit=MAX_STORY) as body:
            story = parse_story(body)
        if self._namespaces and story.namespace not in self._namespaces:
            served = ", ".join(sorted(self._namespaces))
            raise Refusal(422, "InvalidRequest", f"namespace: this operator serves only {served}", field="namespace")
        name = _name(story.title, key)
        annotations = {REQUEST_ANNOTATION: hashlib.sha256(story.model_dump_json().encode()).hexdigest()}
        try:
            spec = await _spec(cluster, story)
            created = await _create(cluster, story.namespace, name, annotations, spec)
        except Conflict as conflict:
            if key is None:
                raise refusal(conflict) from conflict
            return await _repeated(cluster, story.namespace, name, annotations)
        except ClusterError as error:
            raise refusal(error) from error
        return web.json_response(_accepted(created), status=202)

    async def status(self, request: web.Request) -> web.Response:
        """Answer how far a story is."""
        cluster = self._callers.acting_as(bearer(request))
        given = request.query.get("jobId", "")
        match = _JOB_ID.fullmatch(given)
        if match is None:
            raise Refusal(400, "InvalidRequest", "jobId: send ?jobId=<namespace>.<name>", field="jobId")
        try:
            return web.json_response(report(await cluster.get(STORYJOBS, match["namespace"], match["name"])))
        except ClusterError as error:
            raise refusal(error) from error


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= _KEY_LIMIT:
        raise Refusal(400, "InvalidRequest", f"Idempotency-Key: 1 to {_KEY_LIMIT} characters", field="Idempotency-Key")
    return key


def _name(title: str, key: str | None) -> str:
    if key is not None:
        return f"story-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    ascii_title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_title)[:40].strip("-")
    return f"{slug or 'story'}-{secrets.token_hex(4)}"


async def _spec(cluster: Cluster, story: StoryRequest) -> dict[str, Any]:
    defaults = story.merged_defaults()
    if missing := incomplete(defaults, story.kinds()):
        providers, _ = await cluster.list(PROVIDERS, story.namespace)
        defaults = complete(defaults, missing, providers)
    scenes = [scene.wire(index) for index, scene in enumerate(story.scenes)]
    return {"title": story.title, "defaults": defaults, "scenes": scenes}


async def _create(
    cluster: Cluster, namespace: str, name: str, annotations: dict[str, str], spec: dict[str, Any]
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    body = {"apiVersion": API_VERSION, "kind": STORYJOBS.kind, "metadata": metadata, "spec": spec}
    return await cluster.create(STORYJOBS, namespace, body)


async def _repeated(cluster: Cluster, namespace: str, name: str, annotations: dict[str, str]) -> web.Response:
    """Answer a request whose Idempotency-Key was used before: the same story if it is the same request."""
    try:
        story = await cluster.get(STORYJOBS, namespace, name)
    except ClusterError as error:
        raise refusal(error) from error
    made_by = (story["metadata"].get("annotations") or {}).get(REQUEST_ANNOTATION)
    if made_by != annotations[REQUEST_ANNOTATION]:
        raise Refusal(
            422,
            "IdempotencyKeyReused",
            "another request was sent with this Idempotency-Key; use a new key for a new story",
            field="Idempotency-Key",
        )
    return web.json_response(_accepted(story))


def _accepted(story: dict[str, Any]) -> dict[str, Any]:
    answer = report(story)
    return {
        "jobId": job_id(story["metadata"]["namespace"], story["metadata"]["name"]),
        "status": answer["status"],
    }
