"""The two aiohttp applications: the public one for providers, the internal one for the cluster and its users."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from storyjob_webhook.callbacks import Callbacks
from storyjob_webhook.gate import keep_door
from storyjob_webhook.metrics import Metrics

CALLBACK_PATH = "/api/webhooks/job/{id}"


def build_public(callbacks: Callbacks, metrics: Metrics) -> web.Application:
    """Return the application of the public port: one path, one method."""
    app = keep_door(web.Application(), "public", metrics)
    app.router.add_post(CALLBACK_PATH, callbacks.post)
    return app


def build_internal(routes: Iterable[web.RouteDef], metrics: Metrics) -> web.Application:
    """Return the application of the internal port."""
    app = keep_door(web.Application(), "internal", metrics)
    app.add_routes(routes)
    return app
