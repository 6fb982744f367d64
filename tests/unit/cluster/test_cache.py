"""The cache: the newest state wins, what is gone stays gone, and the indexes say the same as the objects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyjob.api.scene import Scene
from storyjob.cluster import cache as module
from storyjob.cluster.cache import Cache, Key, key_of
from storyjob.planning.children import scene_spec
from support.builders import a_scene, a_story, story_scene
from support.properties import quick

FOREST = Key("stories", "fox-forest")


def a_cache() -> Cache[Scene]:
    return Cache[Scene](annotated=lambda scene: scene.metadata.annotations.values())


def version(number: int, *, uid: str = "uid-forest", mark: str | None = None) -> Scene:
    scene = a_scene(resource_version=str(number), annotations={"mark": mark} if mark else {})
    return scene.model_copy(update={"metadata": scene.metadata.model_copy(update={"uid": uid})})


@pytest.mark.parametrize(
    ("numbers", "kept"),
    [
        pytest.param([9, 10], 10, id="a newer state takes the place of an older one, as a number and not as text"),
        pytest.param([10, 9], 10, id="an older state never does"),
        pytest.param([10, 10], 10, id="the same state is no news"),
    ],
)
def test_the_newest_state_is_kept(numbers: list[int], kept: int) -> None:
    cache = a_cache()
    assert cache.put(version(numbers[0]))
    assert cache.put(version(numbers[1])) is (numbers[1] > numbers[0])
    known = cache.get(FOREST)
    assert known is not None
    assert known.metadata.resource_version == str(kept)


def test_a_deletion_of_an_earlier_object_of_the_name_drops_nothing() -> None:
    cache = a_cache()
    cache.put(version(20, uid="uid-new"))
    assert cache.drop(FOREST, "uid-old") is None
    assert len(cache) == 1


def test_the_late_answer_of_a_write_does_not_bring_back_what_was_deleted() -> None:
    cache = a_cache()
    cache.put(version(10))
    cache.drop(FOREST, "uid-forest")
    assert not cache.put(version(11))
    assert cache.get(FOREST) is None
    assert cache.put(version(12, uid="uid-new")), "another object of the name is taken in"


def test_what_is_gone_is_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GONE_KNOWN", 2)
    cache = a_cache()
    for uid in ("uid-1", "uid-2", "uid-3"):
        cache.drop(FOREST, uid)
    assert len(cache._gone) == 2


def test_dropping_what_is_not_known_is_fine() -> None:
    assert a_cache().drop(FOREST) is None


@pytest.mark.parametrize(
    ("seen_at", "listed", "missing"),
    [
        pytest.param(10, False, True, id="seen before the list began and not in it: gone"),
        pytest.param(11, False, False, id="seen after the list began: it may be younger than the list"),
        pytest.param(10, True, False, id="it is in the list"),
    ],
)
def test_only_what_a_list_had_to_show_is_missing_from_it(seen_at: int, listed: bool, missing: bool) -> None:
    cache = a_cache()
    cache.put(version(seen_at))
    assert bool(cache.missing_from([FOREST] if listed else [], before=10)) is missing


@quick
@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["a", "b", None]), st.booleans()), max_size=30))
def test_an_index_files_each_object_under_what_it_is_now(changes: list[tuple[int, str | None, bool]]) -> None:
    cache = a_cache()
    for number, (resource_version, mark, drop) in enumerate(changes):
        if drop:
            cache.drop(FOREST)
        else:
            known = cache.get(FOREST)
            uid = known.metadata.uid if known is not None else f"uid-{number}"
            cache.put(version(resource_version, uid=uid, mark=mark))
        for value in ("a", "b"):
            expected = [item for item in cache if value in item.metadata.annotations.values()]
            assert cache.where("annotated", value) == expected
        assert {key_of(item) for item in cache} == ({FOREST} if len(cache) else set())


def test_an_index_answers_in_the_order_seen() -> None:
    cache = a_cache()
    story = a_story(*(story_scene(name) for name in ("one", "two", "three", "four", "five")))
    scenes = [a_scene(scene_spec("fox", story.spec, index), annotations={"mark": "a"}) for index in range(5)]
    for scene in scenes:
        cache.put(scene)
    assert cache.where("annotated", "a") == scenes
