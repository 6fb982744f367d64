"""Templates substitute values and never text into text that means something."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.errors import InvalidInput
from storyjob.providers.http.template import ABSENT, MAX_DEPTH, MAX_NODES, Values, compile_template
from support.properties import quick

KNOWN = frozenset({"prompt", "seed", "voice", "input", "fallback"})


def values(**given_values: Any) -> Values:
    """Return values for every known placeholder."""
    known = dict.fromkeys(KNOWN) | {"prompt": "a fox", "input": {}} | given_values

    def returning(value: Any) -> Any:
        return lambda: value

    return {name: returning(value) for name, value in known.items()}


def render(tree: Any, **given_values: Any) -> Any:
    return compile_template(tree, KNOWN, "spec.http.submit.body").render(values(**given_values))


@pytest.mark.parametrize(
    ("tree", "given_values", "expected"),
    [
        pytest.param({"a": "{{prompt}}"}, {}, {"a": "a fox"}, id="a text"),
        pytest.param({"a": "{{ seed }}"}, {"seed": 7}, {"a": 7}, id="a number stays one"),
        pytest.param({"a": "{{seed}}"}, {"seed": 0}, {"a": 0}, id="0 is a value"),
        pytest.param({"a": "{{input}}"}, {"input": {"b": [1]}}, {"a": {"b": [1]}}, id="an object stays one"),
        pytest.param({"a": "{{input.size}}"}, {"input": {"size": None}}, {}, id="null leaves the key out"),
        pytest.param({"a": ["{{seed}}", 1]}, {}, {"a": [1]}, id="and the item of a list"),
        pytest.param({"a": "{{input.raw}}"}, {"input": {"raw": False}}, {"a": False}, id="false is a value"),
        pytest.param({"a": "{{prompt}} --seed {{seed}}"}, {"seed": 7}, {"a": "a fox --seed 7"}, id="several are text"),
        pytest.param({"a": "{{input.o}}!"}, {"input": {"o": {"b": 1}}}, {"a": '{"b": 1}!'}, id="JSON among text"),
        pytest.param({"a": "{{seed|3}}"}, {}, {"a": 3}, id="a number to fall back on"),
        pytest.param({"a": '{{voice|"aria"}}'}, {}, {"a": "aria"}, id="a text to fall back on"),
        pytest.param({"a": "{{voice|fallback}}"}, {"fallback": "v"}, {"a": "v"}, id="another placeholder"),
        pytest.param({"a": "{{voice|fallback}}"}, {}, {}, id="another placeholder, without a value too"),
        pytest.param({"b": 1, "...": "{{input}}"}, {"input": {"b": 2, "c": 3}}, {"b": 2, "c": 3}, id="inputs win"),
        pytest.param({"b": [{"a": "{{prompt}}"}]}, {}, {"b": [{"a": "a fox"}]}, id="deep down"),
        pytest.param({"a": "{prompt} { } $x"}, {}, {"a": "{prompt} { } $x"}, id="no placeholder at all"),
        pytest.param({"n": None, "t": True}, {}, {"n": None, "t": True}, id="what the template itself says"),
        pytest.param({"a": "{{{prompt}}}"}, {}, {"a": "{a fox}"}, id="in braces"),
        pytest.param({"a": "{{prompt}}{{prompt}}"}, {}, {"a": "a foxa fox"}, id="two that touch"),
    ],
)
def test_a_template_is_filled_in(tree: Any, given_values: dict[str, Any], expected: Any) -> None:
    assert render(tree, **given_values) == expected


@quick
@given(st.text())
def test_no_prompt_can_change_the_request_around_it(prompt: str) -> None:
    rendered = render({"prompt": "{{prompt}}", "safe": True, "both": "<{{prompt}}>"}, prompt=prompt)

    assert json.loads(json.dumps(rendered)) == {"prompt": prompt, "safe": True, "both": f"<{prompt}>"}


def test_what_a_user_writes_is_no_template() -> None:
    assert render({"a": "{{prompt}}"}, prompt="{{seed}}", seed=7) == {"a": "{{seed}}"}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        pytest.param(
            {"a": "{{promt}}"}, r"body\.a: \{\{promt\}\} is no placeholder; known here: fallback", id="a typo"
        ),
        pytest.param({"a": [{"b": "{{x}}"}]}, r"body\.a\[0\]\.b: ", id="deep down"),
        pytest.param({"a": "{{prompt"}, "is not closed", id="not closed"),
        pytest.param({"a": "{{seed|three}}"}, "'three' is neither", id="nothing to fall back on"),
        pytest.param({"a": "{{seed|[1]}}"}, "is neither", id="a list to fall back on"),
        pytest.param({"...": {"b": 1}}, "merges an object", id="nothing to merge"),
        pytest.param({"a": "{{}}"}, "is no placeholder", id="an empty one"),
        pytest.param({"a": [0] * MAX_NODES}, "is too large", id="too many values"),
    ],
)
def test_a_template_that_cannot_work_is_told(tree: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        compile_template(tree, KNOWN, "spec.http.submit.body")


def test_a_template_may_not_be_too_deep() -> None:
    tree: Any = "{{prompt}}"
    for _ in range(MAX_DEPTH + 1):
        tree = [tree]

    with pytest.raises(InvalidInput, match="32 deep"):
        compile_template(tree, KNOWN, "spec.http.submit.body")


def test_a_text_of_opening_braces_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="is not closed"):
        compile_template({"a": "{{" * 500_000}, KNOWN, "spec.http.submit.body")


def test_a_value_that_text_needs_must_be_there() -> None:
    with pytest.raises(InvalidInput, match=r"body\.a needs \{\{seed\}\}, which this step has not"):
        render({"a": "seed {{seed}}"})


def test_only_an_object_can_be_merged() -> None:
    with pytest.raises(InvalidInput, match="needs an object, not"):
        render({"...": "{{prompt}}"})


def test_a_single_placeholder_without_a_value_is_absent() -> None:
    assert render("{{seed}}") is ABSENT


def test_values_in_a_path_are_encoded() -> None:
    template = compile_template("/jobs/{{prompt}}", KNOWN, "path")

    assert template.write(values(prompt="a/b"), lambda text: text.replace("/", "%2F")) == "/jobs/a%2Fb"


def test_the_names_of_fallbacks_are_names() -> None:
    assert compile_template({"a": "{{voice|fallback}}"}, KNOWN, "body").names() == {"voice", "fallback"}
