"""Google's official client makes pictures and clips through the Interactions API of the simulator, unpatched."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import av
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google import genai
from google.auth import jwt
from google.genai import types
from google.genai._gaos.lib.compat_errors import AuthenticationError, BadRequestError
from PIL import Image

from support.simulator import Receiver, Simulator, eventually

OMNI, DRAWS = "gemini-omni-1.1-flash", "gemini-3.1-flash-image"


def connected(simulator: Simulator, key: str = "AIza-simulator") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=f"{simulator.url}/gemini"))


@pytest.fixture
def client(simulator: Simulator) -> Iterator[genai.Client]:
    with connected(simulator) as client:
        yield client


def create(client: genai.Client, model: str = OMNI, **more: Any) -> Any:
    wish = {"input": "pan to the moon", "background": True, **more}
    return client.interactions.create(model=model, **wish)


def ended(client: genai.Client, interaction: Any) -> Any:
    def ask() -> Any:
        latest = client.interactions.get(interaction.id)
        return latest if latest.status not in ("queued", "in_progress") else None

    return eventually(ask)


def test_a_clip_is_in_a_file_that_needs_the_key(client: genai.Client, simulator: Simulator) -> None:
    wanted = {"type": "video", "aspect_ratio": "9:16", "duration": "4s", "delivery": "uri"}
    started = create(client, response_format=wanted)
    assert started.status in ("queued", "in_progress")

    video = ended(client, started).output_video

    assert (video.mime_type, video.data) == ("video/mp4", None)
    assert simulator.http.get(video.uri).status_code == 403
    name = video.uri.rpartition("/")[2].partition(":")[0]
    with av.open(io.BytesIO(client.files.download(file=f"files/{name}")), "r") as file:
        assert file.streams.video[0].height > file.streams.video[0].width
        assert float(file.duration or 0) / av.time_base == pytest.approx(4, abs=0.2)
    assert client.files.get(name=f"files/{name}").state == types.FileState.ACTIVE
    entry = simulator.ledger()[0]
    assert (entry["vendor"], entry["kind"], entry["charged"]) == ("gemini", "video", "0.40")


def test_a_picture_comes_inline(client: genai.Client, simulator: Simulator) -> None:
    wanted = {"type": "image", "aspect_ratio": "3:2"}
    picture = ended(client, create(client, DRAWS, response_format=wanted)).output_image
    drawn = Image.open(io.BytesIO(base64.b64decode(picture.data)))
    assert drawn.width > drawn.height
    assert simulator.ledger()[0]["kind"] == "image"


def test_a_clip_starts_from_a_picture(client: genai.Client, simulator: Simulator) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 36), "red").save(out, "PNG")
    still = {"type": "image", "data": base64.b64encode(out.getvalue()).decode(), "mime_type": "image/png"}
    words = {"type": "text", "text": "it moves"}
    assert ended(client, create(client, input=[still, words])).status == "completed"
    assert simulator.ledger()[0]["text"] == "it moves"


def test_without_background_the_answer_is_waited_for(client: genai.Client) -> None:
    assert create(client, DRAWS, background=False).status == "completed"


def test_a_cancelled_interaction(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "never-finish"})
    started = create(client)
    assert client.interactions.cancel(started.id).status == "cancelled"
    assert client.interactions.get(started.id).status == "cancelled"
    with pytest.raises(BadRequestError, match="has ended"):
        client.interactions.cancel(started.id)


@pytest.mark.parametrize(
    ("fault", "code"), [({"fault": "refuse"}, "prohibited_content"), ({"fault": "fail", "message": "oh"}, "api_error")]
)
def test_a_failed_interaction_says_why(
    client: genai.Client, simulator: Simulator, fault: dict[str, str], code: str
) -> None:
    simulator.script(fault)
    last = ended(client, create(client))
    assert last.status == "failed"
    assert [error.code for error in last.errors] == [code]


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"response_format": {"type": "video", "duration": "90s"}}, id="too long"),
        pytest.param({"response_format": {"type": "video", "aspect_ratio": "7:1"}}, id="no such shape"),
        pytest.param({"store": False}, id="in the background without a store"),
        pytest.param({"extra_body": {"fps": 30}}, id="an unknown parameter"),
    ],
)
def test_impossible_wishes(client: genai.Client, simulator: Simulator, wish: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        create(client, **wish)
    assert simulator.ledger()[0]["job_id"] is None


def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    with (
        connected(simulator, "AIza-stranger") as stranger,
        pytest.raises(AuthenticationError, match="API key not valid"),
    ):
        create(stranger)
    assert simulator.ledger()[0]["outcome"] == "rejected 401"


def test_the_end_is_told_with_a_token_that_googles_own_library_verifies(
    client: genai.Client, simulator: Simulator, receiver: Receiver
) -> None:
    where = {"uris": [receiver.url], "user_metadata": {"scene": "forest"}}
    started = create(client, DRAWS, webhook_config=where)

    eventually(lambda: len(receiver.received) == 1)

    (headers, body) = receiver.received[0]
    published = simulator.http.get("/gemini/.well-known/jwks.json").json()["keys"]
    claims = jwt.decode(headers["webhook-signature"], certs={key["kid"]: pem(key) for key in published})
    assert claims["exp"] > claims["iat"]
    event = json.loads(body)
    assert (event["type"], event["data"]) == ("interaction.completed", {"id": started.id})
    webhook = simulator.ledger()[0]["webhook"]
    assert (len(webhook["token_sha256"]), "token" in webhook["url"]) == (64, False)


def pem(key: dict[str, str]) -> bytes:
    n, e = (int.from_bytes(base64.urlsafe_b64decode(key[part] + "==")) for part in ("n", "e"))
    encoding = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return rsa.RSAPublicNumbers(e, n).public_key().public_bytes(*encoding)


def test_a_webhook_needs_the_background(client: genai.Client, simulator: Simulator) -> None:
    with pytest.raises(BadRequestError, match="background"):
        create(client, DRAWS, background=False, webhook_config={"uris": ["https://hooks.example.com"]})
    assert simulator.ledger()[0]["job_id"] is None


def test_this_client_buys_again_by_itself_and_so_is_not_used(client: genai.Client, simulator: Simulator) -> None:
    simulator.script({"fault": "accept-then-500"})
    assert ended(client, create(client)).status == "completed"
    assert [entry["outcome"] for entry in simulator.ledger()] == ["500-after-accept", "accepted"]
