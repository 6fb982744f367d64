"""What was just stored is at hand, within its bounds, and never stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyjob.media.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf", max_bytes=100)


def a_file(tmp_path: Path, name: str, size: int) -> Path:
    path = tmp_path / name
    path.write_bytes(name[:1].encode() * size)
    return path


def test_what_was_put_outlives_its_file(shelf: Shelf, tmp_path: Path) -> None:
    source = a_file(tmp_path, "fox", 10)
    shelf.put("media/fox.png", source)
    source.unlink()
    assert shelf.take("media/fox.png", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"f" * 10
    assert not shelf.take("media/owl.png", tmp_path / "owl")


def test_the_one_not_used_for_longest_goes_first(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        shelf.put(name, a_file(tmp_path, name, 30))
    assert shelf.take("a", tmp_path / "a2")
    shelf.put("d", a_file(tmp_path, "d", 30))
    assert [shelf.take(name, tmp_path / f"{name}3") for name in ("a", "b", "c", "d")] == [True, False, True, True]
    assert sum(path.stat().st_size for path in (tmp_path / "shelf").iterdir()) == 90


def test_a_file_larger_than_all_of_it_pushes_nothing_out(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("small", a_file(tmp_path, "small", 60))
    shelf.put("big", a_file(tmp_path, "big", 101))
    assert not shelf.take("big", tmp_path / "x")
    assert shelf.take("small", tmp_path / "y")


def test_what_is_written_anew_or_dropped_is_not_found_in_its_old_form(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("key", a_file(tmp_path, "old", 5))
    shelf.put("key", a_file(tmp_path, "new", 6))
    assert shelf.take("key", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"n" * 6
    shelf.drop("key")
    assert not shelf.take("key", tmp_path / "y")
    assert list((tmp_path / "shelf").iterdir()) == []
