"""What the ledger shows, and what it hides."""

from __future__ import annotations

import hashlib
import json

from storyjob.api.step import StepKind
from storyjob.simulator.ledger import Entry, Ledger, digest
from storyjob.simulator.script import Subject

SUBJECT = Subject("replicate", StepKind.IMAGE, "acme/pictures", "a fox")


def test_tokens_are_shown_only_hashed() -> None:
    entry = Entry(SUBJECT, 0.0, webhook_url="https://hooks.example.com/job/uid.image?token=hush&x=1")
    shown = json.dumps(entry.as_json())
    assert "hush" not in shown
    assert hashlib.sha256(b"hush").hexdigest() in shown
    assert entry.as_json()["webhook"]["url"] == "https://hooks.example.com/job/uid.image"
    assert "hush" not in repr(entry)


def test_a_submission_is_written_down_before_its_outcome_is_known() -> None:
    ledger = Ledger()
    entry = ledger.open(SUBJECT, 1_700_000_000.5)
    assert [e.as_json()["outcome"] for e in ledger.entries] == ["received"]
    entry.outcome = "rejected 401"
    assert ledger.stats()["outcomes"] == {"rejected 401": 1}
    assert entry.as_json()["at"] == "2023-11-14T22:13:20.500000Z"


def test_digest_ignores_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": "ü"}) == digest({"b": "ü", "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
