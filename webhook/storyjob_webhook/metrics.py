"""The sidecar's Prometheus metrics, in a registry of their own; every label has a bounded set of values."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from storyjob.api.mediaprovider import ProviderType

_TYPES = frozenset(ProviderType)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """What the sidecar counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._callbacks = Counter(
            "storyjob_webhook_callbacks",
            "Callbacks by provider type (empty: not known) and what came of them.",
            ["provider", "result"],
            registry=self.registry,
        )
        self._requests = Counter(
            "storyjob_webhook_requests",
            "Requests by port and status.",
            ["port", "status"],
            registry=self.registry,
        )
        self.patch_seconds = Histogram(
            "storyjob_webhook_patch_seconds",
            "How long recording a callback on the API server took.",
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def callback(self, provider: str, result: str) -> None:
        """Count one callback."""
        self._callbacks.labels(provider if provider in _TYPES else "", result).inc()

    def request(self, port: str, status: int) -> None:
        """Count one answered request."""
        self._requests.labels(port, str(status)).inc()

    def watch_size(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Show a size that is read when the metrics are."""
        Gauge(f"storyjob_webhook_{name}", help_text, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        """Return the text format."""
        return generate_latest(self.registry)
