"""A service of somebody's own: jobs that call back with a signature, and can be asked about and stopped."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from support.media import clip, picture
from support.services.service import Json, Service

KEY, SIGNING = "studio-key-1234", "studio-signing-5678"


@dataclass
class Studio(Service):
    """Speaks what examples/providers/http-webhook.yaml describes. Jobs end when they are told to, or at once."""

    at_once: bool = True
    working: set[asyncio.Task[None]] = field(default_factory=set)
    callbacks: list[int] = field(default_factory=list)
    """The statuses that callbacks were answered with."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/jobs", self._submit)
        router.add_get("/v1/jobs/{id}", self._show)
        router.add_delete("/v1/jobs/{id}", self._stop)
        router.add_get("/media/{id}", self._media)

    def job(self, job_id: str) -> Json | None:
        """Return a job as the service tells of it."""
        return next((job for job in self.bought if job["id"] == job_id), None)

    def finish(self, job: Json, state: str = "done", **more: object) -> None:
        """End a job and call back."""
        job |= {"state": state} | more
        if state == "done":
            job |= {"result": {"url": f"{self.url}/media/{job['id']}"}, "usage": {"usd": 0.02}}
        if job["callback"]:
            task = asyncio.get_running_loop().create_task(self._call_back(job))
            self.working.add(task)
            task.add_done_callback(self.working.discard)

    async def _submit(self, request: web.Request) -> web.Response:
        if (refusal := _locked(request)) is not None:
            return refusal
        wish = await request.json()
        callback = (wish.get("callback") or {}).get("url")
        known = next((job for job in self.bought if job["key"] == request.headers["Idempotency-Key"]), None)
        job = known or {"id": f"job-{len(self.bought) + 1}", "state": "working", "wish": wish, "callback": callback}
        if known is None:
            job["key"] = request.headers["Idempotency-Key"]
            self.bought.append(job)
            if self.at_once:
                self.finish(job)
        return web.json_response({"id": job["id"], "state": job["state"]}, status=202)

    async def _show(self, request: web.Request) -> web.Response:
        if (refusal := _locked(request)) is not None:
            return refusal
        job = self.job(request.match_info["id"])
        if job is None:
            return web.json_response({"error": {"code": "not_found", "message": "no such job"}}, status=404)
        return web.json_response(_shown(job))

    async def _stop(self, request: web.Request) -> web.Response:
        job = self.job(request.match_info["id"])
        if job is None or job["state"] != "working":
            return web.json_response({"error": {"code": "over", "message": "it is over"}}, status=409)
        self.finish(job, "stopped")
        return web.Response(status=204)

    async def _media(self, request: web.Request) -> web.Response:
        if (refusal := _locked(request)) is not None:
            return refusal
        job = self.job(request.match_info["id"])
        if job is None:
            return web.Response(status=404)
        if job["wish"]["kind"] == "video":
            return web.Response(body=clip(), content_type="video/mp4")
        return web.Response(body=picture(), content_type="image/png")

    async def _call_back(self, job: Json) -> None:
        body = json.dumps(_shown(job)).encode()
        headers = {"X-Signature": f"sha256={sign(SIGNING, body)}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http:
            # A callback may come before the answer to submit was written down: such a one is sent again.
            for _ in range(20):
                async with http.post(job["callback"], data=body, headers=headers) as answer:
                    self.callbacks.append(answer.status)
                if answer.status == 200:
                    return
                await asyncio.sleep(0.2)


def sign(key: str, body: bytes) -> str:
    """Return the signature of a callback."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _shown(job: Json) -> Json:
    return {key: value for key, value in job.items() if key in ("id", "state", "result", "usage", "error")}


def _locked(request: web.Request) -> web.Response | None:
    if request.headers.get("Authorization") == f"Bearer {KEY}":
        return None
    return web.json_response({"error": {"code": "bad_key", "message": "this key opens nothing"}}, status=401)
