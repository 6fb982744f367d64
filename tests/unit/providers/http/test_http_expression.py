"""Expressions: what they find, what they refuse, and that none can keep the operator busy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.errors import InvalidInput
from storyjob.providers.http.expression import compile_expression, holds_more
from support.properties import quick

ANSWER: dict[str, Any] = {
    "id": "j1",
    "done": True,
    "error": None,
    "zero": 0,
    "empty": "",
    "output": ["a", "b"],
    "items": [{"kind": "log", "url": "x"}, {"kind": "image", "url": "y"}],
    "by": {"9": {"images": [{"name": "n"}]}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id", "j1"),
        ("output[0]", "a"),
        ("output | not_null([0], @)", "a"),
        ("items[?kind == 'image'].url | [0]", "y"),
        ("by.*.images[] | [0].name", "n"),
        ("values(by)[0].images[0].name", "n"),
        ("missing.deeper", None),
        ("error || id", "j1"),
        ("length(missing)", None),
        ("max(output[0])", None),
        ('`"said"`', "said"),
    ],
)
def test_an_expression_finds(text: str, expected: Any) -> None:
    assert compile_expression(text, "f").find(ANSWER) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("done", True),
        ("done && !error", True),
        ("error", False),
        ("missing", False),
        ("empty", False),
        ("zero", True),
        ("id == 'j1'", True),
        ("length(output) > `2`", False),
        ("output[5:]", False),
    ],
)
def test_an_expression_is_true_as_jmespath_has_it(text: str, expected: bool) -> None:
    assert compile_expression(text, "f").holds(ANSWER) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a.[", "f: 'a.\\[' is not JMESPath: .* at column 3", id="unfinished"),
        pytest.param("a b", "Unexpected token: b: Parse error at column 2", id="two words"),
        pytest.param("a.'x", "at column 2", id="an open quote"),
        pytest.param("nope(a)", r"calls nope\(\); known: abs, ", id="an unknown function"),
        pytest.param("[@, @]", r"uses \[a, b\], which is not supported", id="a list"),
        pytest.param("{a: b}", "uses {a: b}", id="an object"),
        pytest.param("sort_by(a, &b)", "not supported|calls sort_by", id="a reference"),
        pytest.param("to_string(a)", r"calls to_string\(\)", id="quotes that double"),
        pytest.param("join(a, b)", r"calls join\(\)", id="text that multiplies"),
        pytest.param("a" + "|[*]" * 9, "goes through lists more than 8 times", id="too many loops"),
        pytest.param("a" * 501, "has 501 characters", id="too long"),
        pytest.param("", "is not JMESPath", id="empty"),
    ],
)
def test_an_expression_that_cannot_be_used_says_where_it_broke(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        compile_expression(text, "f")


@pytest.mark.parametrize(
    "text", ["(" * 249 + "a" + ")" * 249, "!" * 499 + "a", "a" + "[]" * 249, "*." * 249 + "a", "a|" * 249 + "a"]
)
def test_the_longest_expressions_end_at_once_in_an_answer_or_a_refusal(text: str) -> None:
    try:
        expression = compile_expression(text, "f")
    except InvalidInput:
        return
    document: Any = {"a": "x"}
    for _ in range(200):
        document = {"a": document}
    # Nothing may grow: what is found is a part of the answer.
    assert len(json.dumps(expression.find(document))) <= len(json.dumps(document))


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax")  # jmespath's, of `'a` without quotes of JSON
@quick
@given(st.text(alphabet="ab.[]*?|&!()'`@0123456789= ,{}:<>", max_size=60), st.text(max_size=30))
def test_no_text_breaks_the_compiler_or_the_search(text: str, key: str) -> None:
    try:
        expression = compile_expression(text, "f")
    except InvalidInput:
        return
    found = expression.find({"a": [1, "x", {"b": key}], key: {"a": None}})
    assert json.dumps(found)


@pytest.mark.parametrize(
    ("document", "more"),
    [({}, False), ({"a": [1, 2]}, False), ({"a": [1, {"b": 2}]}, True), ([1, 2, 3, 4], True), ("abcdef", False)],
    ids=str,
)
def test_the_values_of_a_document_are_counted_at_any_depth(document: Any, more: bool) -> None:
    assert holds_more(document, 3) is more
