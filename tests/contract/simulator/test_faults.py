"""Each fault of a script is seen by a client, and what it did stands in the ledger."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from storyjob.simulator.settings import MediaMode, Settings
from support.simulator import Receiver, Simulator, eventually, running_simulator

AUTH = {"Authorization": "Bearer r8_simulator"}
CREATE = "/replicate/v1/models/black-forest-labs/flux-dev/predictions"


def submit(simulator: Simulator, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    return simulator.http.post(CREATE, headers=AUTH | (headers or {}), json={"input": {"prompt": "a fox"}} | body)


def finished(simulator: Simulator, job: str) -> dict[str, Any]:
    def ask() -> dict[str, Any] | None:
        prediction = simulator.http.get(f"/replicate/v1/predictions/{job}", headers=AUTH).json()
        return prediction if prediction["completed_at"] else None

    done: dict[str, Any] = eventually(ask)
    return done


def made(simulator: Simulator) -> dict[str, Any]:
    """Return a prediction that ran to its end."""
    return finished(simulator, submit(simulator).json()["id"])


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param("drop", "dropped", id="dropped before it was taken: no job"),
        pytest.param("accept-then-drop", "dropped-after-accept", id="dropped after it was taken: a job runs"),
    ],
)
def test_dropped_connections(simulator: Simulator, fault: str, outcome: str) -> None:
    simulator.script({"fault": fault, "match": {"route": "submit"}})
    with pytest.raises(httpx.RemoteProtocolError):
        submit(simulator)
    entry = simulator.ledger()[0]
    assert entry["outcome"] == outcome
    assert (entry["job_id"] is not None) == (fault == "accept-then-drop")


@pytest.mark.parametrize(
    ("fault", "status", "outcome"),
    [
        pytest.param({"fault": "accept-then-500"}, 500, "500-after-accept", id="an accepted job behind a 500"),
        pytest.param({"fault": "status", "status": 402}, 402, "rejected 402", id="a refusal"),
        pytest.param({"fault": "not-json"}, 200, "not-json-after-accept", id="a page instead of JSON"),
        pytest.param({"fault": "huge-body", "megabytes": 2}, 200, "huge-body-after-accept", id="far too much"),
    ],
)
def test_spoiled_answers(simulator: Simulator, fault: dict[str, Any], status: int, outcome: str) -> None:
    simulator.script(fault)
    answer = submit(simulator)
    entry = simulator.ledger()[0]
    assert (answer.status_code, entry["outcome"]) == (status, outcome)
    assert (entry["job_id"] is None) == outcome.startswith("rejected")
    if fault["fault"] == "not-json":
        assert answer.headers["content-type"].startswith("text/html")
    if fault["fault"] == "huge-body":
        assert len(answer.content) > 2 * 2**20


@pytest.mark.parametrize("when", ["before", "after"])
def test_latency_longer_than_the_clients_patience(simulator: Simulator, when: str) -> None:
    simulator.script({"fault": "latency", "seconds": 0.5, "when": when})
    with pytest.raises(httpx.ReadTimeout):
        simulator.http.post(CREATE, headers=AUTH, json={"input": {"prompt": "a fox"}}, timeout=0.2)
    eventually(lambda: simulator.ledger()[0]["outcome"] == "accepted")


@pytest.mark.parametrize(
    ("fault", "error", "charged"),
    [
        pytest.param({"fault": "fail", "message": "out of memory"}, "out of memory", "0.025", id="failed and charged"),
        pytest.param({"fault": "fail", "message": "oh", "charged": False}, "oh", "0", id="failed free of charge"),
        pytest.param({"fault": "refuse", "message": "flagged"}, "flagged", "0", id="refused by a filter"),
    ],
)
def test_jobs_that_end_badly(simulator: Simulator, fault: dict[str, Any], error: str, charged: str) -> None:
    simulator.script(fault)
    prediction = made(simulator)
    assert (prediction["status"], prediction["error"], prediction["output"]) == ("failed", error, None)
    assert simulator.ledger()[0]["charged"] == charged


def test_unknown_status_until_the_end(simulator: Simulator) -> None:
    simulator.script({"fault": "unknown-status", "word": "dreaming"})
    created = submit(simulator).json()
    assert created["status"] == "dreaming"
    assert finished(simulator, created["id"])["status"] == "succeeded"


def test_never_finish_until_cancelled(simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish"})
    job = submit(simulator).json()["id"]
    eventually(lambda: simulator.ledger()[0]["state"] == "running")
    simulator.http.post(f"/replicate/v1/predictions/{job}/cancel", headers=AUTH)
    assert simulator.ledger()[0]["state"] == "canceled"


def test_data_removed_at_once(simulator: Simulator) -> None:
    simulator.script({"fault": "data-removed"})
    prediction = made(simulator)
    assert (prediction["status"], prediction["data_removed"]) == ("succeeded", True)
    assert (prediction["output"], prediction["input"]) == (None, {})


def test_data_removed_when_the_links_expire() -> None:
    with running_simulator(Settings(speed=50, media=MediaMode.SMALL, link_seconds=0.3)) as simulator:
        prediction = made(simulator)
        link = prediction["output"][0]
        assert simulator.http.get(link).status_code == 200
        eventually(lambda: simulator.http.get(link).status_code == 404)
        removed = finished(simulator, prediction["id"])
    assert (removed["output"], removed["data_removed"]) == (None, True)


def test_expired_link_once(simulator: Simulator) -> None:
    simulator.script({"fault": "expired-link", "status": 403})
    link = made(simulator)["output"][0]
    assert simulator.http.get(link).status_code == 403
    assert simulator.http.get(link).status_code == 200


def test_truncated_media_with_an_honest_length(simulator: Simulator) -> None:
    simulator.script({"fault": "truncated-media", "keep": 0.25})
    link = made(simulator)["output"][0]
    part, whole = simulator.http.get(link).content, simulator.http.get(link).content
    assert part == whole[: len(whole) // 4]


def test_truncated_media_that_breaks_off(simulator: Simulator) -> None:
    simulator.script({"fault": "truncated-media", "honest": False})
    link = made(simulator)["output"][0]
    with pytest.raises(httpx.RemoteProtocolError):
        simulator.http.get(link)


def test_wrong_media_under_the_right_type(simulator: Simulator) -> None:
    simulator.script({"fault": "wrong-media"})
    answer = simulator.http.get(made(simulator)["output"][0])
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content.startswith(b"GIF89a")


def test_lost_webhook(simulator: Simulator, receiver: Receiver) -> None:
    simulator.script({"fault": "lost-webhook"})
    finished(simulator, submit(simulator, webhook=receiver.url).json()["id"])
    finished(simulator, submit(simulator, webhook=receiver.url).json()["id"])
    eventually(lambda: len(receiver.received) == 1)
    assert [len(entry["deliveries"]) for entry in simulator.ledger()] == [0, 1]


def test_duplicate_webhook_keeps_its_id(simulator: Simulator, receiver: Receiver) -> None:
    simulator.script({"fault": "duplicate-webhook", "copies": 3})
    submit(simulator, webhook=receiver.url)
    eventually(lambda: len(receiver.received) == 3)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1


def test_late_start_arrives_after_the_end(simulator: Simulator, receiver: Receiver) -> None:
    simulator.script({"fault": "late-webhook", "event": "start", "seconds": 0.5})
    submit(simulator, webhook=receiver.url, webhook_events_filter=["start", "completed"])
    eventually(lambda: len(receiver.received) == 2)
    assert [json.loads(body)["status"] for _, body in receiver.received] == ["succeeded", "processing"]


@pytest.mark.parametrize("fault", ["forged-webhook", "wrong-signature", "old-timestamp"])
def test_webhooks_not_to_be_believed(simulator: Simulator, receiver: Receiver, fault: str) -> None:
    simulator.script({"fault": fault})
    submit(simulator, webhook=receiver.url)
    eventually(lambda: receiver.received)
    secret = simulator.http.get("/replicate/v1/webhooks/default/secret", headers=AUTH).json()["key"]
    headers, body = receiver.received[0]
    assert json.loads(body)["status"] == "succeeded"
    with pytest.raises(Exception, match="too old" if fault == "old-timestamp" else "No matching signature"):
        Webhook(secret).verify(body, headers)


def test_faults_strike_only_what_they_match(simulator: Simulator) -> None:
    simulator.script(
        {"fault": "status", "status": 503, "times": 2, "match": {"route": "poll", "kind": "image"}},
        {"fault": "status", "status": 500, "match": {"vendor": "elevenlabs"}},
        {"fault": "status", "status": 500, "match": {"prompt_contains": "a wolf"}},
        {"fault": "status", "status": 500, "match": {"model": "another/model"}},
    )
    created = submit(simulator)
    assert created.status_code == 201
    url = f"/replicate/v1/predictions/{created.json()['id']}"
    assert [simulator.http.get(url, headers=AUTH).status_code for _ in range(3)] == [503, 503, 200]
    assert [fault["left"] for fault in simulator.http.get("/_sim/faults").json()] == [1, 1, 1]


@pytest.mark.parametrize(
    ("script", "field"),
    [
        pytest.param([{"fault": "lightning"}], "0", id="a fault nobody knows"),
        pytest.param([{"fault": "latency", "seconds": -1}], "0.latency.seconds", id="a number out of range"),
        pytest.param([{"fault": "drop", "tims": 2}], "0.drop.tims", id="a misspelt field"),
        pytest.param([{"fault": "fail", "match": {"route": "poll"}}], "0.fail", id="a route it cannot strike"),
        pytest.param({"fault": "drop"}, "", id="no list"),
    ],
)
def test_wrong_scripts_are_refused_with_the_field(simulator: Simulator, script: Any, field: str) -> None:
    answer = simulator.http.post("/_sim/faults", json=script)
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["detail"]] == [field]
    assert simulator.http.get("/_sim/faults").json() == []


def test_the_ledger_can_be_reset(simulator: Simulator) -> None:
    submit(simulator)
    assert simulator.http.get("/_sim/stats").json()["submissions"] == 1
    assert simulator.http.delete("/_sim/ledger").status_code == 204
    assert simulator.ledger() == []


def test_health(simulator: Simulator) -> None:
    assert simulator.http.get("/_sim/health").json() == {"status": "ok"}
