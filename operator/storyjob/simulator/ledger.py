"""The ledger: every submission that reached the simulator, and what became of it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from storyjob.simulator.clock import iso
from storyjob.simulator.job import Job
from storyjob.simulator.script import Subject


@dataclass(slots=True)
class Delivery:
    """One try at delivering one webhook."""

    event: str
    webhook_id: str
    at: float
    status: int | None = None
    """What the receiver answered, or None with ``error``."""
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the ledger shows it."""
        return {
            "event": self.event,
            "webhook_id": self.webhook_id,
            "at": iso(self.at),
            "status": self.status,
            "error": self.error,
        }


@dataclass(slots=True)
class Entry:
    """One submission."""

    subject: Subject
    at: float
    caller: str | None = None
    """The address that it came from."""
    input_sha256: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    after: list[str] = field(default_factory=list)
    """Requests that this one said to go on from."""
    outcome: str = "received"
    job: Job | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as ``GET /_sim/ledger`` shows it. Tokens in the webhook's query appear only hashed."""
        job = self.job
        return {
            "vendor": self.subject.vendor,
            "kind": self.subject.kind,
            "model": self.subject.model,
            "text": self.subject.text,
            "input_sha256": self.input_sha256,
            "after": self.after,
            "at": iso(self.at),
            "caller": self.caller,
            "outcome": self.outcome,
            "job_id": job.id if job else None,
            "state": job.state if job else None,
            "charged": str(job.charged if job else Decimal(0)),
            "polls": job.polls if job else 0,
            "webhook": _webhook(self.webhook_url),
            "deliveries": [delivery.as_json() for delivery in self.deliveries],
        }


class Ledger:
    """All entries, oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def open(self, subject: Subject, at: float) -> Entry:
        """Write down that a submission came in, before anything is done about it."""
        entry = Entry(subject, at)
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all entries; jobs under way go on."""
        self.entries.clear()

    def stats(self) -> dict[str, Any]:
        """Return counts and sums over all entries."""
        jobs = [entry.job for entry in self.entries if entry.job]
        deliveries = [delivery for entry in self.entries for delivery in entry.deliveries]
        return {
            "submissions": len(self.entries),
            "outcomes": Counter(entry.outcome for entry in self.entries),
            "jobs": len(jobs),
            "states": Counter(str(job.state) for job in jobs),
            "kinds": Counter(str(job.wish.kind) for job in jobs),
            "charged": str(sum((job.charged for job in jobs), Decimal(0))),
            "polls": sum(job.polls for job in jobs),
            "deliveries": Counter(str(delivery.status or delivery.error) for delivery in deliveries),
        }


def digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a request's input as canonical JSON, in hex."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _webhook(url: str | None) -> dict[str, Any] | None:
    if url is None:
        return None
    parts = urlsplit(url)
    hashed = {name: hashlib.sha256(values[-1].encode()).hexdigest() for name, values in parse_qs(parts.query).items()}
    return {
        "url": urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        "token_sha256": hashed.get("token"),
        "query_sha256": hashed,
    }
