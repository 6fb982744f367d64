"""Replicate's official client runs against the simulator, unpatched."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from storyjob.simulator.signature import sign
from support.simulator import Receiver, Simulator, eventually

with warnings.catch_warnings():
    # The 1.x client is built on pydantic's old namespace.
    warnings.filterwarnings("ignore", message="Core Pydantic V1 functionality isn't compatible", category=UserWarning)
    from replicate.client import Client
    from replicate.exceptions import ReplicateError
    from replicate.prediction import Prediction
    from replicate.webhook import Webhooks, WebhookSigningSecret

FLUX = "black-forest-labs/flux-dev"
PROMPT = {"prompt": "a small fox", "seed": 7}


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    client = Client(api_token="r8_simulator", base_url=f"{simulator.url}/replicate")
    yield client
    client._client.close()


def finished(prediction: Prediction) -> Prediction:
    prediction._client.poll_interval = 0.01
    prediction.wait()
    return prediction


def test_creates_by_model_and_delivers_a_list_of_links(client: Client) -> None:
    prediction = finished(client.models.predictions.create(FLUX, input=PROMPT))
    assert (prediction.status, prediction.version, prediction.error) == ("succeeded", "hidden", None)
    assert isinstance(prediction.output, list)
    assert httpx.get(prediction.output[0]).headers["content-type"] == "image/webp"


def test_creates_by_version_and_by_deployment(client: Client, simulator: Simulator) -> None:
    by_version = client.predictions.create(
        version="5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa", input=PROMPT
    )
    by_deployment = client.deployments.predictions.create("acme/pictures", input=PROMPT)
    assert finished(by_version).status == finished(by_deployment).status == "succeeded"
    assert by_version.version.startswith("5c7d5d")
    assert [entry["model"] for entry in simulator.ledger()][1] == "acme/pictures"


def test_prefer_wait_answers_with_the_result(client: Client, simulator: Simulator) -> None:
    prediction = client.models.predictions.create("minimax/video-01", input=PROMPT, wait=5)
    assert prediction.status == "succeeded"
    assert str(prediction.output).endswith(".mp4")
    assert simulator.ledger()[0]["polls"] == 0


def test_run_returns_the_output(client: Client) -> None:
    output = client.run("black-forest-labs/flux-1.1-pro", input=PROMPT)
    assert str(output).startswith("http://127.0.0.1:")


def test_lists_newest_first_page_by_page(client: Client) -> None:
    created = [client.models.predictions.create(FLUX, input=PROMPT).id for _ in range(101)]
    first = client.predictions.list()
    assert [prediction.id for prediction in first.results] == created[:0:-1]
    assert first.next is not None
    second = client.predictions.list(first.next)
    assert second.results[0].id == created[0]
    assert second.previous is not None
    assert client.predictions.list(second.previous).results[0].id == created[-1]


def test_list_filters_by_creation_time(client: Client) -> None:
    old = client.models.predictions.create(FLUX, input=PROMPT)
    new = client.models.predictions.create(FLUX, input=PROMPT)
    after = client._request("GET", "/v1/predictions", params={"created_after": new.created_at}).json()
    before = client._request("GET", "/v1/predictions", params={"created_before": new.created_at}).json()
    assert [item["id"] for item in after["results"]] == [new.id]
    assert before["results"][0]["id"] == old.id
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    none = client._request("GET", "/v1/predictions", params={"created_after": tomorrow}).json()
    assert none["results"] == []


def test_cancel_stops_a_job_and_leaves_a_finished_one_alone(client: Client, simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish"})
    prediction = client.models.predictions.create(FLUX, input=PROMPT)
    prediction.cancel()
    assert prediction.status == "canceled"
    done = finished(client.models.predictions.create(FLUX, input=PROMPT))
    done.cancel()
    assert done.status == "succeeded"


@pytest.mark.parametrize(
    ("stage", "status", "charged"),
    [
        pytest.param("queued", "aborted", "0", id="a deadline before the start aborts, free of charge"),
        pytest.param("running", "canceled", "0.025", id="a deadline after the start cancels and is charged"),
    ],
)
def test_cancel_after(client: Client, simulator: Simulator, stage: str, status: str, charged: str) -> None:
    simulator.script({"fault": "never-finish", "stage": stage})
    made = client._request(
        "POST", f"/v1/models/{FLUX}/predictions", headers={"Cancel-After": "0.3s"}, json={"input": PROMPT}
    ).json()
    assert made["deadline"] > made["created_at"]
    eventually(lambda: client._request("GET", f"/v1/predictions/{made['id']}").json()["status"] == status)
    assert simulator.ledger()[0]["charged"] == charged


def test_errors_have_the_vendors_shape(client: Client, simulator: Simulator) -> None:
    with pytest.raises(ReplicateError) as missing:
        client.predictions.get("nobody")
    assert (missing.value.status, missing.value.detail) == (404, "The requested resource could not be found.")
    with pytest.raises(ReplicateError) as invalid:
        client.models.predictions.create(FLUX, input={})
    assert (invalid.value.status, invalid.value.title) == (422, "Input validation failed")
    stranger = Client(api_token="r8_stranger", base_url=f"{simulator.url}/replicate")
    with pytest.raises(ReplicateError) as unauthorized:
        stranger.models.predictions.create(FLUX, input=PROMPT)
    assert unauthorized.value.status == 401
    stranger._client.close()
    assert [entry["outcome"] for entry in simulator.ledger()] == ["rejected 422", "rejected 401"]


def test_throttling_tells_the_wait_in_its_text(client: Client, simulator: Simulator) -> None:
    simulator.script({"fault": "status", "status": 429, "retry_after": 7, "match": {"route": "submit"}})
    with pytest.raises(ReplicateError) as throttled:
        client.models.predictions.create(FLUX, input=PROMPT)
    assert throttled.value.detail == "Request was throttled. Your rate limit resets in ~7s."


def test_webhooks_are_accepted_by_both_validators(client: Client, simulator: Simulator, receiver: Receiver) -> None:
    events = ["start", "completed"]
    client.models.predictions.create(FLUX, input=PROMPT, webhook=receiver.url, webhook_events_filter=events)
    eventually(lambda: len(receiver.received) == 2)
    secret = client.webhooks.default.secret()
    for headers, body in receiver.received:
        Webhooks.validate(headers=headers, body=body.decode(), secret=secret, tolerance=60)
        assert Webhook(secret.key).verify(body, headers)["model"] == FLUX
    assert [json.loads(body)["status"] for _, body in receiver.received] == ["processing", "succeeded"]
    webhook = simulator.ledger()[0]["webhook"]
    assert "token" not in webhook["url"]
    assert len(webhook["token_sha256"]) == 64
    assert "a-token-nobody-may-see" not in simulator.http.get("/_sim/ledger").text


def test_only_the_last_webhook_is_tried_again(client: Client, simulator: Simulator, receiver: Receiver) -> None:
    receiver.statuses[:] = [500, 503, 500]
    events = ["start", "completed"]
    client.models.predictions.create(FLUX, input=PROMPT, webhook=receiver.url, webhook_events_filter=events)
    eventually(lambda: [d["status"] for d in simulator.ledger()[0]["deliveries"]] == [500, 503, 500, 200])
    ids = [headers["webhook-id"] for headers, _ in receiver.received]
    assert ids[0] != ids[1] == ids[2] == ids[3]


def test_redirects_are_not_followed(client: Client, simulator: Simulator, receiver: Receiver) -> None:
    receiver.statuses[:] = [307]
    client.models.predictions.create(FLUX, input=PROMPT, webhook=receiver.url, webhook_events_filter=["completed"])
    eventually(lambda: [d["status"] for d in simulator.ledger()[0]["deliveries"]] == [307])
    assert len(receiver.received) == 1


def test_a_changed_body_fails_both_validators() -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    headers = sign(secret, "msg_1", int(datetime.now(UTC).timestamp()), b"{}")
    with pytest.raises(ValueError):
        Webhooks.validate(headers=headers, body='{"a":1}', secret=WebhookSigningSecret(key=secret))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(b'{"a":1}', headers)
