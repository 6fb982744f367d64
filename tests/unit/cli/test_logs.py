"""A line of the log is one JSON object that names what it is about, and holds no secret."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from storyjob.api.step import StepKind
from storyjob.cli.logs import clean, configure
from storyjob.reconcile.attempt import about_step
from storyjob.subject import about, subject
from support.builders import a_scene

Json = dict[str, Any]
_log = logging.getLogger("storyjob.test")
SCENE = {
    "kind": "Scene",
    "namespace": "stories",
    "name": "fox-forest",
    "uid": "uid-forest",
    "story": "fox",
    "step": "image",
    "attempt": 1,
}


@contextmanager
def logging_to_stderr(log_format: str) -> Iterator[None]:
    """Log as the commands do, and not to pytest meanwhile, whose handlers would be closed."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        configure(log_format)
        yield
    finally:
        root.handlers[:], root.level = handlers, level
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[Json]]:
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_names_what_the_task_works_on(written: Callable[[], list[Json]]) -> None:
    with logging_to_stderr("json"):
        with about_step(a_scene(), StepKind.IMAGE, attempt=1):
            _log.warning("%s was refused", "it", extra={"action": "submit"})
        _log.info("between two objects")
    (first, second) = written()

    assert {key: first[key] for key in SCENE} == SCENE
    assert (first["level"], first["logger"]) == ("warning", "storyjob.test")
    assert (first["message"], first["action"]) == ("it was refused", "submit")
    assert not second.keys() & SCENE.keys()


def test_tasks_begun_within_inherit_the_subject_and_others_do_not() -> None:
    async def seen() -> Json:
        await asyncio.sleep(0)
        return dict(subject())

    async def both() -> list[Json]:
        with about(kind="StoryJob", name="fox", uid=None):
            within = asyncio.create_task(seen())
        return [await within, await asyncio.create_task(seen())]

    assert asyncio.run(both()) == [{"kind": "StoryJob", "name": "fox"}, {}]


def test_lines_of_kopf_name_their_object_the_same_way(written: Callable[[], list[Json]]) -> None:
    reference = {"apiVersion": "storyjob.dev/v1alpha1", "kind": "StoryJob", "namespace": "a", "name": "fox", "uid": "1"}
    with logging_to_stderr("json"):
        logging.getLogger("kopf.objects").error("Handler failed.", extra={"k8s_ref": reference})
    (line,) = written()

    assert {key: line[key] for key in ("kind", "namespace", "name", "uid")} == {
        key: reference[key] for key in ("kind", "namespace", "name", "uid")
    }


def test_whatever_ends_up_on_stderr_is_a_line(written: Callable[[], list[Json]]) -> None:
    with logging_to_stderr("json"):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("an old call", DeprecationWarning, stacklevel=1)
        logging.getLogger("aiohttp.server").error("Error handling request")
        try:
            raise RuntimeError("two\nlines")
        except RuntimeError as error:
            sys.excepthook(RuntimeError, error, error.__traceback__)
    warned, served, raised = written()

    assert "an old call" in warned["message"]
    assert served["logger"] == "aiohttp.server"
    assert raised["level"] == "critical"
    assert "RuntimeError: two\nlines" in raised["exception"]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("POST /api/webhooks/job/u.image?token=0123abcd failed", "0123abcd"),
        ("GET https://b.s3/x?X-Amz-Signature=feed&X-Amz-Date=1", "feed"),
        ("headers: {'Authorization': 'Bearer r8_abc'}", "r8_abc"),
        ("https://vertex/v1?key=AIza1 not found", "AIza1"),
    ],
)
def test_secrets_are_cut_out(text: str, secret: str) -> None:
    assert secret not in clean(text)
    assert clean(text).count("…") == 1


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_format_lets_a_secret_through(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(log_format):
        try:
            raise ValueError("https://host/?token=0123abcd")
        except ValueError:
            _log.exception("asked for https://host/?token=0123abcd")
    told = capsys.readouterr().err

    assert "asked for" in told
    assert "ValueError" in told
    assert "0123abcd" not in told
