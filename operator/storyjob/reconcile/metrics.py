"""The operator's Prometheus metrics: few, with bounded labels, never a story's name.

What can be read off the world at any moment, such as the phases of stories, is in ``census.py``.
"""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

GENERATION = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
"""Seconds: a narration takes two, a clip minutes, and ``timeoutSeconds`` is half an hour unless said otherwise."""
STORY = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
REQUEST = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

SUBMISSIONS = Counter(
    "storyjob_submissions", "Paid calls made, by how they ended.", ["type", "step", "outcome"], registry=REGISTRY
)
SUBMITTING = Gauge("storyjob_submitting", "Paid calls under way.", registry=REGISTRY)
OBSERVATIONS = Counter(
    "storyjob_observations", "Questions to providers, by the answer.", ["type", "step", "phase"], registry=REGISTRY
)
ERRORS = Counter(
    "storyjob_provider_errors",
    "Requests and jobs that providers refused, failed or did not answer, by why.",
    ["type", "kind"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "storyjob_provider_request_seconds",
    "How long providers take to answer.",
    ["type", "operation"],
    buckets=REQUEST,
    registry=REGISTRY,
)
WAIT_SECONDS = Histogram(
    "storyjob_provider_wait_seconds",
    "How long steps wait because a provider's limits, its rate or its trouble leave no room.",
    ["type"],
    buckets=GENERATION,
    registry=REGISTRY,
)
PAUSES = Counter(
    "storyjob_provider_pauses", "Times a provider asked to slow down and was left alone.", ["type"], registry=REGISTRY
)
ATTEMPTS = Counter(
    "storyjob_attempts",
    "Attempts that ended, by the phase they left the step in; Waiting is to be tried again.",
    ["type", "step", "phase"],
    registry=REGISTRY,
)
STEP_SECONDS = Histogram(
    "storyjob_step_seconds",
    "From the decision to buy to the bytes in the bucket.",
    ["type", "model", "step"],
    buckets=GENERATION,
    registry=REGISTRY,
)
SPEND = Counter("storyjob_spend_usd", "Money spent by attempts that ended.", ["type", "model"], registry=REGISTRY)
REUSED = Counter("storyjob_reused", "Steps served from the bucket for nothing.", ["step"], registry=REGISTRY)
STORED_BYTES = Counter("storyjob_stored_bytes", "Bytes of media stored.", ["step"], registry=REGISTRY)
STORE_SECONDS = Histogram(
    "storyjob_store_seconds", "From a result to its bytes in the bucket.", buckets=REQUEST, registry=REGISTRY
)
CALLBACK_LAG_SECONDS = Histogram(
    "storyjob_callback_lag_seconds",
    "From a callback that reached the webhook to the question to the provider that it leads to.",
    ["type"],
    buckets=LAG,
    registry=REGISTRY,
)
MISSED_CALLBACKS = Counter(
    "storyjob_missed_callbacks",
    "Ended jobs found by a poll that a callback should have told of before.",
    ["type"],
    registry=REGISTRY,
)
STORY_SECONDS = Histogram(
    "storyjob_story_seconds",
    "From the start of a story's work to its end.",
    ["phase"],
    buckets=STORY,
    registry=REGISTRY,
)
LAST_END = Gauge(
    "storyjob_last_end_timestamp_seconds",
    "When an attempt or a story ended last; the start of the process before the first.",
    registry=REGISTRY,
)
LAST_END.set_to_current_time()
RECONCILES = Counter("storyjob_reconciles", "Reconciles, by kind and result.", ["kind", "result"], registry=REGISTRY)
RECONCILE_SECONDS = Histogram(
    "storyjob_reconcile_seconds",
    "How long a reconcile takes.",
    ["kind"],
    buckets=LAG,
    registry=REGISTRY,
)
LEADER = Gauge("storyjob_leader", "1 while this replica holds the lease and works.", registry=REGISTRY)
BUILD = Gauge("storyjob_build_info", "1, with the version as a label.", ["version"], registry=REGISTRY)
BUILD.labels(version("storyjob-operator")).set(1)

MODELS = 100  # names that become labels; users may write any
OTHER = "other"
_models: set[str] = set()


def model_label(model: str | None) -> str:
    """Return the model as a label: the first hundred by name, all others as one."""
    name = model or ""
    if name in _models or len(_models) < MODELS:
        _models.add(name)
        return name
    return OTHER
