"""What the API server answered, as the error that callers act on."""

from __future__ import annotations

from typing import Any

import pytest

from storyjob.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TestFailed,
    Unauthorized,
    Unavailable,
    from_status,
)

CAUSES = {"details": {"causes": [{"field": "spec.scenes[0].name"}, {"field": "spec.title"}]}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(400, {}, Invalid, id="400: our request is wrong, repeating it is no use"),
        pytest.param(401, {}, Unauthorized, id="401: the token"),
        pytest.param(403, {}, Forbidden, id="403: the role"),
        pytest.param(404, {}, NotFound, id="404: it is gone"),
        pytest.param(409, {}, Conflict, id="409: it exists, or the version is old"),
        pytest.param(410, {}, Gone, id="410: list again"),
        pytest.param(422, {}, TestFailed, id="422 without causes: a test of a JSON patch did not hold"),
        pytest.param(422, {"details": None}, TestFailed, id="422 with empty details"),
        pytest.param(422, CAUSES, Invalid, id="422 with causes: the schema refuses it"),
        pytest.param(429, {}, Unavailable, id="429: later"),
        pytest.param(500, {}, Unavailable, id="500: nobody knows"),
        pytest.param(504, {}, Unavailable, id="504: nobody knows"),
    ],
)
def test_from_status(status: int, body: dict[str, Any], expected: type[ClusterError]) -> None:
    error = from_status("patch scenes stories/fox", status, body | {"message": "why"})
    assert type(error) is expected
    assert str(error) == f"patch scenes stories/fox: {status} why"


def test_an_invalid_object_names_its_first_wrong_field() -> None:
    error = from_status("create storyjobs", 422, CAUSES)
    assert isinstance(error, Invalid)
    assert error.field == "spec.scenes[0].name"


def test_how_long_to_wait_is_passed_on() -> None:
    error = from_status("get scenes", 429, {}, retry_after=7.0)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7.0
    assert str(error) == "get scenes: 429 no message"
