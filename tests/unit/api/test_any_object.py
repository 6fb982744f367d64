"""Whatever a kind's schema lets pass, sidecar and caches take in: nobody with kubectl can stop either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storyjob.api.kind import MEDIAPROVIDER, SCENE, STORYJOB, Kind
from storyjob.api.mediaprovider import MediaProvider
from storyjob.api.scene import Scene
from storyjob.api.storyjob import StoryJob
from storyjob.cluster.cache import key_of
from storyjob.reconcile.operator import _parse
from storyjob.reconcile.world import Caches
from storyjob_webhook.accounts import AccountIndex
from storyjob_webhook.scenes import SceneIndex
from storyjob_webhook.story_status import report
from support.any_object import any_object, any_status
from support.builders import a_scene, a_story

Json = dict[str, Any]
often = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))


@often
@given(any_object(SCENE))
def test_any_scene(item: Json) -> None:
    index = SceneIndex()
    index.seen(item)
    assert index.get(item["metadata"]["uid"]) is not None
    scene = _parse(Scene, item)
    if scene is not None:
        caches = Caches()
        caches.scenes.put(scene)
        assert caches.scenes.get(key_of(scene)) == scene
        assert _parse(Scene, scene.model_dump(mode="json", by_alias=True, exclude_none=True)) == scene


@pytest.mark.parametrize(("kind", "whole"), [(SCENE, a_scene()), (STORYJOB, a_story())], ids=["Scene", "StoryJob"])
@often
@given(data=st.data())
def test_no_status_hides_an_object_from_the_operator(kind: Kind, whole: Scene | StoryJob, data: Any) -> None:
    status = data.draw(any_status(kind))
    item = whole.model_dump(mode="json", by_alias=True, exclude_none=True) | {"status": status}
    assert _parse(type(whole), item) is not None


@often
@given(any_object(MEDIAPROVIDER))
def test_any_provider(item: Json) -> None:
    index = AccountIndex()
    index.seen(item)
    found = index.get("tales", item["metadata"]["name"])
    assert found is not None
    assert found.type == item["spec"]["type"]
    provider = _parse(MediaProvider, item)
    assert provider is None or provider.spec.type == found.type


@often
@given(any_object(STORYJOB))
def test_any_story(item: Json) -> None:
    story = _parse(StoryJob, item)
    if story is not None:
        assert report(item)["jobId"] == f"tales.{story.metadata.name}"
