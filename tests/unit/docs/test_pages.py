"""The pages hang together: links lead somewhere, and what is shown twice is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from storyjob.providers.registry import provider_types

PROJECT = Path(__file__).resolve().parents[3]
PAGES = [*(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *PROJECT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(path: str) -> str:
    """Return a file of the project."""
    return (PROJECT / path).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the fragments that links may name, as GitHub makes them of headings."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def missing(page: Path, link: str) -> bool:
    """Return whether a link leads to a file or heading that is not there."""
    if link.startswith(("http://", "https://")):
        return False
    path, _, fragment = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return not target.exists() or bool(fragment and target.suffix == ".md" and fragment not in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))

    assert [link for link in links if missing(page, link)] == []


def test_a_dead_link_would_be_noticed() -> None:
    page = PROJECT / "README.md"

    assert [
        missing(page, link) for link in ("no.md", "docs/never-pay-twice.md#no-such-heading", "docs/never-pay-twice.md")
    ] == [
        True,
        True,
        False,
    ]


def test_the_story_in_the_readme_is_the_example() -> None:
    assert f"```yaml\n{read('examples/minimal.yaml')}```" in read("README.md")


def test_the_health_check_in_the_docs_is_the_example() -> None:
    checks = list(yaml.safe_load(read("examples/gitops/argocd/health.yaml"))["data"].values())

    assert len(checks) == 3
    assert set(checks) == {re.findall(r"```lua\n(.*?)```", read("docs/gitops.md"), re.DOTALL)[0]}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/real-providers.md"])
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", read(page), re.MULTILINE))

    assert named
    assert named <= targets


def test_every_design_note_is_dated_and_listed() -> None:
    notes = [path.name for path in (PROJECT / "docs" / "design").iterdir()]
    listed = re.findall(r"design/([\w-]+\.md)", read("docs/README.md"))

    assert all(re.fullmatch(r"20\d{6}-[a-z0-9-]+\.md", name) for name in notes)
    assert sorted(notes) == sorted(listed)


def test_every_path_of_the_layout_map_exists() -> None:
    text = read("CONTRIBUTING.md")
    below_operator = re.findall(r"`((?:api|planning|providers|cli|simulator)/[\w/]*(?:\.py)?)", text)
    others = re.findall(r"`((?:docs|tests)/[a-z_/.]+)`", text)

    assert [path for path in below_operator if not (PROJECT / "operator/storyjob" / path).exists()] == []
    assert [path for path in others if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("type_", provider_types())
def test_every_provider_has_a_page_that_tells_what_must_be_known(type_: str) -> None:
    page = read(f"docs/providers/{type_}.md")

    described = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(apiVersion.*?)```", page, re.DOTALL)]
    assert type_ in [one["spec"]["type"] for one in described if one["kind"] == "MediaProvider"]
    assert "\n## When a request fails\n" in page
    assert re.search(r"\n## What (costs money, and what )?cannot be known\n", page)
    assert f"providers/{type_}.md" in read("docs/README.md")
    assert f"providers/{type_}.md" in read("docs/real-providers.md")
