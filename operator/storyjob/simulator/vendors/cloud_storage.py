"""Google Cloud Storage (https://cloud.google.com/storage/docs/json_api): reads what Veo wrote into buckets."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from storyjob.api.step import StepKind
from storyjob.simulator.clock import iso
from storyjob.simulator.download import spoil
from storyjob.simulator.exchange import Visit, exchange
from storyjob.simulator.fault import ExpiredLink, Route, Status
from storyjob.simulator.job import Job, JobState
from storyjob.simulator.script import Subject
from storyjob.simulator.vendors.vertex_wire import clip_uris, error, failure, is_authorized
from storyjob.simulator.world import World, subject_of

_PAGE = 1000


class CloudStorage:
    """Speaks as https://storage.googleapis.com. Buckets need not be made: what Veo wrote to is there."""

    name = "gcs"

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; downloads have two addresses."""
        return [
            web.get("/storage/v1/b/{bucket}/o", self._list),
            web.get("/storage/v1/b/{bucket}/o/{name:.+}", self._object),
            web.get("/download/storage/v1/b/{bucket}/o/{name:.+}", self._object),
        ]

    def failure(self, fault: Status) -> web.Response:
        """Return ``{"error": {"code", "message", "status"}}``."""
        return failure(fault)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _forbidden()

        async def act() -> web.StreamResponse:
            return web.json_response(self._page(request))

        return await exchange(request, self, self._world.faults, Visit(Route.POLL, Subject(self.name)), act)

    async def _object(self, request: web.Request) -> web.StreamResponse:
        if not self._authorized(request):
            return _forbidden()
        bucket, name = request.match_info["bucket"], request.match_info["name"]
        found = next((item for item in self._objects(bucket) if item[0] == name), None)
        if found is None:
            return error(404, f"No such object: {bucket}/{name}")
        _, job, key = found

        async def act() -> web.StreamResponse:
            if request.query.get("alt") != "media":
                return web.json_response(self._described(bucket, name, job, key))
            stored = self._world.files.find(key)
            fault = self._world.faults.media(subject_of(job))
            if stored is None or isinstance(fault, ExpiredLink):
                return error(404, f"No such object: {bucket}/{name}")
            return web.Response(body=spoil(stored.path.read_bytes(), fault), content_type=stored.content_type)

        return await exchange(request, self, self._world.faults, Visit(Route.DOWNLOAD, subject_of(job)), act)

    def _page(self, request: web.Request) -> dict[str, object]:
        bucket, prefix = request.match_info["bucket"], request.query.get("prefix", "")
        found = sorted((item for item in self._objects(bucket) if item[0].startswith(prefix)), key=lambda item: item[0])
        start = int(request.query.get("pageToken") or 0)
        end = start + min(int(request.query.get("maxResults") or _PAGE), _PAGE)
        items = [self._described(bucket, name, job, key) for name, job, key in found[start:end]]
        page: dict[str, object] = {"kind": "storage#objects"}
        # As at Google, an empty listing has no items at all.
        if items:
            page["items"] = items
        if end < len(found):
            page["nextPageToken"] = str(end)
        return page

    def _objects(self, bucket: str) -> Iterator[tuple[str, Job, str]]:
        """Yield name, job and file of every object in a bucket."""
        for job in self._world.jobs("vertex"):
            if job.state is not JobState.SUCCEEDED or job.removed or job.wish.kind is not StepKind.VIDEO:
                continue
            for uri, key in zip(clip_uris(job), job.outputs, strict=False):
                place, _, name = uri.removeprefix("gs://").partition("/")
                if place == bucket:
                    yield name, job, key

    def _described(self, bucket: str, name: str, job: Job, key: str) -> dict[str, str]:
        stored = self._world.files.find(key)
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/1",
            "bucket": bucket,
            "name": name,
            "generation": "1",
            "contentType": "video/mp4",
            "size": str(stored.path.stat().st_size if stored else 0),
            "timeCreated": iso(job.completed_at) or "",
        }

    def _authorized(self, request: web.Request) -> bool:
        # An API key opens no bucket.
        return "Authorization" in request.headers and is_authorized(request, ())


def _forbidden() -> web.Response:
    return error(401, "Anonymous caller does not have storage.objects access to the Google Cloud Storage bucket.")
