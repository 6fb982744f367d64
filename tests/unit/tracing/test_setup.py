"""Traces are off unless somebody is named to send them to, and what keeps them off is said."""

from __future__ import annotations

import sys

import pytest

from storyjob.tracing.setup import tracer_from_environment, wanted
from storyjob.tracing.span import Silent

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, False, id="nothing is set"),
        pytest.param({"OTEL_SERVICE_NAME": "films"}, False, id="no endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False, id="an empty one"),
        pytest.param(ENDPOINT, True, id="an endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True, id="one for traces"),
        pytest.param(ENDPOINT | {"OTEL_SDK_DISABLED": "True"}, False, id="the SDK is disabled"),
        pytest.param(ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False, id="no exporter is wanted"),
    ],
)
def test_whether_traces_are_wanted(environment: dict[str, str], expected: bool) -> None:
    assert wanted(environment) is expected


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "storyjob.tracing.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    tracer = tracer_from_environment(ENDPOINT)

    assert isinstance(tracer, Silent)
    assert "storyjob-operator[otel]" in caplog.text


def test_another_protocol_is_refused_with_the_one_that_is_spoken(caplog: pytest.LogCaptureFixture) -> None:
    tracer = tracer_from_environment(ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})

    assert isinstance(tracer, Silent)
    assert "http/protobuf" in caplog.text


def test_nobody_who_is_silent_wants_spans() -> None:
    assert not tracer_from_environment({}).on
