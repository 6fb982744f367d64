"""Decides by the standard OTEL_* variables whether spans are sent."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from storyjob.tracing.span import Silent, Tracer

_log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def tracer_from_environment(environment: Mapping[str, str] = os.environ) -> Tracer:
    """Return what sends spans; one that does nothing without an endpoint, or where it cannot, which is logged."""
    if not wanted(environment):
        return Silent()
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        _log.error("no traces are sent: the protocol %r is not spoken here; use http/protobuf, port 4318", protocol)
        return Silent()
    try:
        from storyjob.tracing.otlp import OtlpTracer

        tracer = OtlpTracer()
    except ImportError as error:
        _log.error("no traces are sent: %s; install storyjob-operator[otel], or unset %s", error, ENDPOINTS[1])
        return Silent()
    except ValueError as error:
        _log.error("no traces are sent: an OTEL_* variable is wrong: %s", error)
        return Silent()
    _log.info("traces are sent", extra={"action": "trace"})
    return tracer


def wanted(environment: Mapping[str, str]) -> bool:
    """Return whether the environment names somebody to send to and does not forbid it."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower()
    return any(environment.get(name) for name in ENDPOINTS) and not disabled and exporter != "none"
