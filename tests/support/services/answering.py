"""Two services that answer with the picture: a Cog server, and one with OpenAI's images API."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from aiohttp import web

from support.media import picture
from support.services.service import Service

KEY = "sk-images-1234567890"


@dataclass
class Cog(Service):
    """A model packed with Cog: PUT /predictions/{id} (https://github.com/replicate/cog/blob/main/docs/http.md)."""

    busy: bool = False
    failing: str = ""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_put("/predictions/{id}", self._predict)

    async def _predict(self, request: web.Request) -> web.Response:
        wish = await request.json()
        if self.busy:
            return web.json_response({"detail": "Already running a prediction"}, status=409)
        if "prompt" not in wish["input"]:
            detail = [{"loc": ["body", "input", "prompt"], "msg": "Field required", "type": "missing"}]
            return web.json_response({"detail": detail}, status=422)
        self.bought.append(wish | {"path_id": request.match_info["id"]})
        if self.failing:
            return web.json_response({"status": "failed", "error": self.failing, "output": None})
        output = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
        return web.json_response({"status": "succeeded", "output": output, "metrics": {"predict_time": 0.1}})


@dataclass
class OpenAiImages(Service):
    """POST /v1/images/generations, with OpenAI's errors."""

    refusing: tuple[int, str] | None = None

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/images/generations", self._generate)

    async def _generate(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_api_key", "Incorrect API key provided")
        if self.refusing is not None:
            status, code = self.refusing
            return _error(status, code, f"because of {code}")
        wish = await request.json()
        self.bought.append(wish)
        item = {"b64_json": base64.b64encode(picture()).decode()}
        return web.json_response({"created": 1, "data": [item] * wish["n"]})


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": "error", "param": None, "code": code}}, status=status
    )
