"""Keys stay inside their namespace, and stories read only what they may."""

from __future__ import annotations

import pytest

from storyjob.api.errors import InvalidInput
from storyjob.media.layout import FilmFile, Layout, S3Uri, check_source, parse_uri

HASH = "ab" * 32
TOKEN = "cd" * 32
LAYOUT = Layout("stories/v1/", "team-a")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(LAYOUT.media(HASH, TOKEN, "png"), f"media/{HASH}/{TOKEN}.png", id="bytes"),
        pytest.param(
            LAYOUT.media(HASH, TOKEN, "png", HASH[:16]), f"media/{HASH}/{TOKEN}-{HASH[:16]}.png", id="variant"
        ),
        pytest.param(LAYOUT.record(HASH), f"media/{HASH}/record.json", id="record"),
        pytest.param(LAYOUT.segment(HASH), f"segments/{HASH}.mp4", id="segment"),
        pytest.param(LAYOUT.source_record(HASH), f"sources/{HASH}/record.json", id="source"),
        pytest.param(LAYOUT.film(HASH, FilmFile.POSTER), f"films/{HASH}/poster.jpg", id="film file"),
    ],
)
def test_keys_are_laid_out_as_documented(key: str, expected: str) -> None:
    assert key == f"stories/v1/team-a/{expected}"


def test_without_a_prefix_keys_begin_with_the_namespace() -> None:
    assert Layout("", "team-a").segment(HASH) == f"team-a/segments/{HASH}.mp4"


@pytest.mark.parametrize("namespace", ["", "..", "a/b", "A", "a" * 64, "-a", "a\n"])
def test_a_namespace_that_could_leave_its_place_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        Layout("p", namespace)


@pytest.mark.parametrize("digest", ["", "../../x", "AB" * 32, "ab", "zz" * 32])
def test_what_is_no_hash_is_refused(digest: str) -> None:
    with pytest.raises(ValueError, match="hash"):
        LAYOUT.segment(digest)


def test_an_extension_is_only_letters_and_digits() -> None:
    with pytest.raises(ValueError, match="extension"):
        LAYOUT.media(HASH, TOKEN, "p/../ng")


def test_a_uri_is_read_and_written_alike() -> None:
    place = parse_uri("s3://stories/shared/the end.mp4")
    assert place == S3Uri("stories", "shared/the end.mp4")
    assert str(place) == "s3://stories/shared/the end.mp4"


@pytest.mark.parametrize(
    "uri",
    [
        *("http://stories/a", "s3://", "s3://stories", "s3://stories/", "s3:///a", "s3://a b/c", "stories/a"),
        *("s3://stories/a//b", "s3://stories/../b", "s3://stories/a/./b", "s3://stories/a\nb"),
        f"s3://stories/{'ä' * 600}",
    ],
)
def test_what_is_no_uri_of_an_object_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        parse_uri(uri)


SHARED = ("s3://stories/shared", "s3://library/clips/")


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param(f"s3://stories/stories/v1/team-a/media/{HASH}/x.mp4", id="own namespace"),
        pytest.param("s3://stories/shared/ending.mp4", id="shared prefix"),
        pytest.param("s3://library/clips/a/b.mp4", id="shared prefix in another bucket"),
    ],
)
def test_a_story_reads_its_own_and_the_shared(uri: str) -> None:
    assert str(check_source(uri, bucket="stories", layout=LAYOUT, shared=SHARED)) == uri


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param("s3://stories/stories/v1/team-b/media/x.mp4", id="another namespace"),
        pytest.param("s3://stories/stories/v1/team-ab/x.mp4", id="a namespace that begins alike"),
        pytest.param("s3://stories/shared-not/x.mp4", id="a prefix that begins alike"),
        pytest.param("s3://other/stories/v1/team-a/x.mp4", id="another bucket"),
        pytest.param("s3://library/x.mp4", id="outside the shared prefix"),
    ],
)
def test_a_story_reads_nothing_else(uri: str) -> None:
    with pytest.raises(InvalidInput, match="may not be read"):
        check_source(uri, bucket="stories", layout=LAYOUT, shared=SHARED)
