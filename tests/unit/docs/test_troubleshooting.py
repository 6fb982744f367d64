"""docs/troubleshooting.md explains every reason in the words of the code, and says what to do."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path

import pytest

from storyjob.api import reasons
from storyjob.api.reasons import Reason

PAGE = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"


def meanings() -> dict[str, str]:
    """Return the sentence under each reason of the enumeration."""
    tree = ast.parse(inspect.getsource(reasons))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for one, following in pairwise(body):
        if isinstance(one, ast.Assign) and isinstance(following, ast.Expr):
            found[str(ast.literal_eval(one.value))] = " ".join(str(ast.literal_eval(following.value)).split())
    return found


def rows() -> dict[str, list[str]]:
    """Return meaning and remedy of each reason on the page."""
    lines = PAGE.read_text(encoding="utf-8").split("## The processes")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `")]
    assert len({row[0] for row in cells}) == len(cells), "a reason stands on the page twice"
    return {row[0].strip("` "): row[1:] for row in cells}


def test_the_page_has_every_reason_and_no_other() -> None:
    assert set(rows()) == {reason.value for reason in Reason}


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_means_on_the_page_what_it_means_in_the_code(reason: Reason) -> None:
    meaning, remedy = rows()[reason]

    assert meaning == meanings()[reason]
    assert len(remedy) > len("nothing")
