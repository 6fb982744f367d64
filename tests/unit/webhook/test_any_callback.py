"""Whatever a stranger or a vendor sends: it is refused by name or believed, never an error of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from storyjob.api.errors import SignatureError
from storyjob.api.scene import JOB_ID_LIMIT
from storyjob.providers.registry import provider_types
from storyjob.providers.signatures import judge, scheme_of
from storyjob.providers.webhook_scheme import Scheme
from storyjob_webhook.callbacks import Target, parse_target
from storyjob_webhook.refusal import Refusal
from support.callbacks import Job, a_signing_secret, signed
from support.declared import example
from support.mutation import mutated, spoiled_bytes

often = settings(deadline=None, max_examples=40)
SPECS: list[dict[str, Any]] = [*({"type": type_} for type_ in provider_types()), example("webhook")["spec"]]
SCHEMES = {str(spec["type"]): scheme for spec in SPECS if (scheme := scheme_of(spec)) is not None}
SECRET, NOW = a_signing_secret(), 1_800_000_000.0
TRUE = {
    "id": "abc123",
    "request_id": "abc123",
    "gateway_request_id": "abc123",
    "status": "succeeded",
    "state": "completed",
    "output": ["https://replicate.delivery/x.png"],
    "payload": {"images": [{"url": "https://v3.fal.media/x.png"}]},
    "error": None,
}
BODIES = st.binary(max_size=60) | spoiled_bytes(json.dumps(TRUE).encode())
NAMES = st.sampled_from(
    ["webhook-id", "webhook-timestamp", "webhook-signature", "X-Fal-Webhook-Signature", "X-Fal-Webhook-Timestamp"]
)
HEADERS = st.dictionaries(
    NAMES, st.text(max_size=40) | st.sampled_from(["v1,", "v1,AAAA", str(int(NOW)), "-1", "9" * 13])
)


@pytest.mark.parametrize("type_", SCHEMES)
@often
@given(body=BODIES, headers=HEADERS)
def test_what_nobody_signed_is_not_believed(type_: str, body: bytes, headers: dict[str, str]) -> None:
    scheme = SCHEMES[type_]
    try:
        judge(scheme, headers, body, (SECRET,), NOW)
    except SignatureError:
        return
    assert scheme.check is None, "a vendor that signs was believed without a signature"


@pytest.mark.parametrize("type_", SCHEMES)
@often
@given(document=mutated(TRUE))
def test_a_genuine_callback_with_any_content_names_a_job_or_none(type_: str, document: Any) -> None:
    scheme = Scheme(SCHEMES[type_].read, None)
    callback = judge(scheme, {}, json.dumps(document).encode(), (), NOW)
    assert callback.job_id is None or 0 < len(callback.job_id) <= JOB_ID_LIMIT


@often
@given(body=BODIES)
def test_a_signed_body_is_believed_or_refused(body: bytes) -> None:
    headers = signed(SECRET, body, at=NOW)
    refused = ""
    try:
        judge(SCHEMES["replicate"], headers, body, (SECRET,), NOW)
    except SignatureError as error:
        refused = str(error)
    assert not refused or "genuine" in refused


@often
@given(
    name=st.text(max_size=80) | st.just(f"{Job().uid}.image"),
    query=st.text(max_size=60)
    | st.lists(st.sampled_from(["token=", "&", "0" * 32, "x", "%00", ";"]), max_size=5).map("".join),
)
def test_any_address_is_refused_or_names_a_step(name: str, query: str) -> None:
    request = make_mocked_request("POST", f"/api/webhooks/job/x?{quote(query, safe='=&;%')}", match_info={"id": name})
    found: Target | Refusal
    try:
        found = parse_target(request)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        assert found.status in (403, 404)
    else:
        assert name == f"{found.uid}.{found.step}"
