"""fal's official client runs against the simulator; once over TLS and by its own settings, with nothing patched."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import httpx
import pytest
from fal_client import client as sdk

from storyjob.local.pki import create_pki
from storyjob.providers.signatures import verify
from storyjob.simulator.server import serve
from storyjob.simulator.settings import MediaMode, Settings
from support.simulator import Receiver, Simulator, eventually

FLUX = "fal-ai/flux/dev"
PROMPT = {"prompt": "a small fox", "seed": 7}


@pytest.fixture
def client(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[fal_client.SyncClient]:
    monkeypatch.setattr(sdk, "QUEUE_URL_FORMAT", f"{simulator.url}/fal/")
    client = fal_client.SyncClient(key="fal-simulator")
    yield client
    client._client.close()


def test_submits_waits_and_fetches(client: fal_client.SyncClient, simulator: Simulator) -> None:
    handle = client.submit(FLUX, arguments=PROMPT, priority="low", start_timeout=30)
    assert handle.status_url.endswith(f"/fal-ai/flux/requests/{handle.request_id}/status")
    states = list(handle.iter_events(with_logs=True, interval=0.01))
    assert isinstance(states[-1], fal_client.Completed)
    assert states[-1].error is None
    (picture,) = handle.get()["images"]
    assert httpx.get(picture["url"]).headers["content-type"] == picture["content_type"] == "image/jpeg"
    assert [entry["model"] for entry in simulator.ledger()] == [FLUX]


@pytest.mark.parametrize(
    ("model", "arguments", "key", "start"),
    [
        pytest.param("fal-ai/kokoro", {"text": "Once."}, "audio", b"ID3", id="speech"),
        pytest.param("fal-ai/wan/v2.2/text-to-video", {"prompt": "a fox"}, "video", b"\x00\x00\x00", id="a clip"),
    ],
)
def test_each_kind_of_media(
    client: fal_client.SyncClient, model: str, arguments: dict[str, Any], key: str, start: bytes
) -> None:
    made = client.subscribe(model, arguments=arguments)[key]
    assert httpx.get(made["url"]).content.startswith(start)


def test_a_request_is_found_again_by_its_id(client: fal_client.SyncClient) -> None:
    handle = client.submit(FLUX, arguments=PROMPT)
    assert client.result(FLUX, handle.request_id) == handle.get()


def test_a_queued_request_is_cancelled(client: fal_client.SyncClient, simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish", "stage": "queued"})
    handle = client.submit(FLUX, arguments=PROMPT)
    handle.cancel()
    status = handle.status()
    assert isinstance(status, fal_client.Completed)
    assert status.error_type == "client_cancelled"
    with pytest.raises(fal_client.FalClientHTTPError) as again:
        handle.cancel()
    assert again.value.status_code == 400
    assert again.value.response.json() == {"status": "ALREADY_COMPLETED"}


def test_a_start_timeout_drops_only_what_has_not_begun(client: fal_client.SyncClient, simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish", "stage": "running"}, {"fault": "never-finish", "stage": "queued"})
    begun, waiting = (client.submit(FLUX, arguments=PROMPT, start_timeout=1.1) for _ in range(2))
    dropped = list(waiting.iter_events(interval=0.05))[-1]
    assert isinstance(dropped, fal_client.Completed)
    assert dropped.error_type == "request_timeout"
    # Its own time ran out before.
    assert isinstance(begun.status(), fal_client.InProgress)


def test_a_failure_is_a_completion_with_an_error(client: fal_client.SyncClient, simulator: Simulator) -> None:
    simulator.script({"fault": "fail", "message": "CUDA out of memory"})
    handle = client.submit(FLUX, arguments=PROMPT)
    ended = list(handle.iter_events(interval=0.01))[-1]
    assert isinstance(ended, fal_client.Completed)
    assert (ended.error, ended.error_type) == ("CUDA out of memory", "runner_server_error")
    with pytest.raises(fal_client.FalClientHTTPError) as failed:
        handle.get()
    assert failed.value.response.headers["x-fal-error-type"] == "runner_server_error"


def test_a_refusal_has_typed_details(client: fal_client.SyncClient, simulator: Simulator) -> None:
    simulator.script({"fault": "refuse"})
    with pytest.raises(fal_client.FalClientHTTPError) as refused:
        client.submit(FLUX, arguments=PROMPT).get(interval=0.01)
    assert refused.value.status_code == 422
    assert refused.value.response.json()["detail"][0]["type"] == "content_policy_violation"


@pytest.mark.parametrize("arguments", [{}, {"prompt": "x", "seed": "many"}, {"prompt": "x", "image_size": "vast"}])
def test_a_bad_input_is_refused(client: fal_client.SyncClient, arguments: dict[str, Any]) -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as refused:
        client.submit(FLUX, arguments=arguments)
    assert refused.value.status_code == 422


def test_a_stranger_gets_nothing(simulator: Simulator, client: fal_client.SyncClient) -> None:
    stranger = fal_client.SyncClient(key="stranger")
    with pytest.raises(fal_client.FalClientHTTPError) as refused:
        stranger.submit(FLUX, arguments=PROMPT)
    stranger._client.close()
    assert refused.value.status_code == 401
    assert simulator.ledger()[0]["outcome"] == "rejected 401"


def test_the_client_repeats_a_submit_whose_answer_was_lost(
    client: fal_client.SyncClient, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "MAX_DELAY", 0.01)
    simulator.script({"fault": "accept-then-drop", "times": 2})
    client.submit(FLUX, arguments=PROMPT).get(interval=0.01)
    # Why the operator does not use it: one call bought three times.
    assert [entry["outcome"] for entry in simulator.ledger()] == ["dropped-after-accept"] * 2 + ["accepted"]


def test_a_webhook_is_signed_for_anybody_who_reads_the_jwks(
    client: fal_client.SyncClient, simulator: Simulator, receiver: Receiver
) -> None:
    receiver.statuses[:] = [500]
    handle = client.submit(FLUX, arguments=PROMPT, webhook_url=receiver.url)
    eventually(lambda: len(receiver.received) == 2)
    jwks = simulator.http.get("/fal/.well-known/jwks.json").text
    for headers, body in receiver.received:
        assert verify("fal", headers, body, [jwks], time.time()).job_id == handle.request_id
        assert json.loads(body)["status"] == "OK"
        assert json.loads(body)["payload"] == handle.get()
    assert "a-token-nobody-may-see" not in simulator.http.get("/_sim/ledger").text


def test_a_webhook_tells_of_a_failure(client: fal_client.SyncClient, simulator: Simulator, receiver: Receiver) -> None:
    simulator.script({"fault": "refuse", "message": "not allowed"})
    client.submit(FLUX, arguments=PROMPT, webhook_url=receiver.url)
    eventually(lambda: receiver.received)
    told = json.loads(receiver.received[0][1])
    assert (told["status"], told["error"]) == ("ERROR", "not allowed")
    assert told["payload"]["detail"][0]["type"] == "content_policy_violation"


UNPATCHED = """
import fal_client
handle = fal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a small fox"})
print(handle.get(interval=0.01)["images"][0]["url"])
"""


async def test_the_client_as_it_comes_over_tls(tmp_path: Path) -> None:
    pki = create_pki(tmp_path, "127.0.0.2")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki.certificate, pki.key)
    async with serve(Settings(speed=50, media=MediaMode.SMALL), tls=tls) as url:
        host = url.removeprefix("https://")
        env = {"FAL_KEY": "fal-simulator", "FAL_QUEUE_RUN_HOST": f"{host}/fal", "SSL_CERT_FILE": str(pki.authority)}
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", UNPATCHED, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complained = await client.communicate()
    assert client.returncode == 0, complained.decode()
    assert said.decode().startswith(f"{url}/files/")
