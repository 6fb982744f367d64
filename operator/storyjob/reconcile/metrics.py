"""The operator's Prometheus metrics: few, with bounded labels, never a story's name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

SUBMISSIONS = Counter(
    "storyjob_submissions", "Paid calls made, by how they ended.", ["type", "step", "outcome"], registry=REGISTRY
)
SUBMITTING = Gauge("storyjob_submitting", "Paid calls under way.", registry=REGISTRY)
REUSED = Counter("storyjob_reused", "Steps served from the bucket for nothing.", ["step"], registry=REGISTRY)
OBSERVATIONS = Counter(
    "storyjob_observations", "Questions to providers, by the answer.", ["step", "phase"], registry=REGISTRY
)
STORED_BYTES = Counter("storyjob_stored_bytes", "Bytes of media stored.", ["step"], registry=REGISTRY)
STORE_SECONDS = Histogram("storyjob_store_seconds", "From a result to its bytes in the bucket.", registry=REGISTRY)
RECONCILES = Counter("storyjob_reconciles", "Reconciles, by kind and result.", ["kind", "result"], registry=REGISTRY)
RECONCILE_SECONDS = Histogram("storyjob_reconcile_seconds", "How long a reconcile takes.", ["kind"], registry=REGISTRY)
LEADER = Gauge("storyjob_leader", "1 while this replica holds the lease and works.", registry=REGISTRY)
QUEUE_DEPTH = Gauge("storyjob_queue_depth", "Objects that wait to be reconciled.", registry=REGISTRY)
TASKS = Gauge("storyjob_tasks", "Tasks under way.", registry=REGISTRY)
API_WRITES = Gauge("storyjob_api_writes", "Writes sent to the API server since the start.", registry=REGISTRY)
BUCKET_REFUSES = Gauge(
    "storyjob_bucket_refuses", "1 while the bucket refuses and nothing is bought.", registry=REGISTRY
)
