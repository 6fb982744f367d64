"""ComfyUI's HTTP API, as far as a client needs it: /prompt, /history/{id}, /view, /queue."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from support.media import picture
from support.services.service import Json, Service

CHECKPOINT = "sd_xl_base_1.0.safetensors"


@dataclass
class ComfyUi(Service):
    """Checks a workflow as ComfyUI does, and makes a picture of it when it is told to, or at once."""

    at_once: bool = True
    failing: str = ""
    """What the next job's node raises."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/prompt", self._prompt)
        router.add_get("/history/{id}", self._history)
        router.add_get("/view", self._view)
        router.add_post("/queue", self._queue)

    async def _prompt(self, request: web.Request) -> web.Response:
        graph = (await request.json())["prompt"]
        if graph["4"]["inputs"]["ckpt_name"] != CHECKPOINT or not isinstance(graph["3"]["inputs"].get("seed"), int):
            wrong = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return web.json_response({"error": wrong, "node_errors": {"4": {"errors": []}}}, status=400)
        job = {"prompt_id": f"0c3b-{len(self.bought) + 1}", "graph": graph, "state": "success" if self.at_once else ""}
        if self.failing:
            job |= {"state": "error", "reason": self.failing}
            self.failing = ""
        self.bought.append(job)
        return web.json_response({"prompt_id": job["prompt_id"], "number": len(self.bought), "node_errors": {}})

    async def _history(self, request: web.Request) -> web.Response:
        job = self._job(request.match_info["id"])
        if job is None or not job["state"]:
            return web.json_response({})
        status: Json = {"status_str": job["state"], "completed": job["state"] == "success", "messages": []}
        outputs: Json = {}
        if job["state"] == "success":
            image = {"filename": f"storyjob {job['prompt_id']}_.png", "subfolder": "", "type": "output"}
            outputs = {"9": {"images": [image]}}
        else:
            status["messages"] = [
                ["execution_start", {"prompt_id": job["prompt_id"]}],
                ["execution_error", {"node_id": "3", "exception_message": job["reason"]}],
            ]
        return web.json_response({job["prompt_id"]: {"prompt": [], "outputs": outputs, "status": status}})

    async def _view(self, request: web.Request) -> web.Response:
        names = {f"storyjob {job['prompt_id']}_.png" for job in self.bought}
        known = request.query["filename"] in names and request.query["subfolder"] == ""
        if not known or request.query["type"] != "output":
            return web.Response(status=404)
        return web.Response(body=picture(), content_type="image/png")

    async def _queue(self, request: web.Request) -> web.Response:
        for job_id in (await request.json())["delete"]:
            job = self._job(job_id)
            if job is not None and not job["state"]:
                self.bought.remove(job)
        return web.Response()

    def _job(self, job_id: str) -> Json | None:
        return next((job for job in self.bought if job["prompt_id"] == job_id), None)
