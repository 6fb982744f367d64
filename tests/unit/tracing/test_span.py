"""Trace contexts are read as W3C says, and ids follow from what they name."""

from __future__ import annotations

import pytest

from storyjob.tracing.span import Parent, parse_traceparent, span_id_of, trace_id_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
IDS = int(TRACE, 16), int(SPAN, 16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", Parent(*IDS, sampled=True), id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", Parent(*IDS, sampled=False), id="not sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-03", Parent(*IDS, sampled=True), id="a flag that is not known"),
        pytest.param(f" 00-{TRACE}-{SPAN}-01\n", Parent(*IDS, sampled=True), id="space around it"),
        pytest.param(f"01-{TRACE}-{SPAN}-01-more", Parent(*IDS, sampled=True), id="a later version may say more"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-more", None, id="this version may not"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", None, id="no version"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", None, id="no trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", None, id="no span"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", None, id="upper case"),
        pytest.param(TRACE, None, id="only an id"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_a_traceparent(text: str | None, expected: Parent | None) -> None:
    assert parse_traceparent(text) == expected


def test_ids_are_those_of_their_parts_and_of_no_others() -> None:
    made = [("a", 1), ("a", 2), ("b", 1), ("a1",), ("", "a1")]

    assert len({trace_id_of(*parts) for parts in made}) == len({span_id_of(*parts) for parts in made}) == len(made)
    assert trace_id_of("a", 1) == trace_id_of("a", 1)
    assert all(0 < trace_id_of(*parts) < 2**128 and 0 < span_id_of(*parts) < 2**64 for parts in made)
