"""The Dockerfile asks for nothing that is not in the checkout, and gives all that a cluster demands of an image."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def copied() -> set[str]:
    """Return what the Dockerfile copies out of the checkout."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return {word for line in lines for word in line.split()}


def test_what_is_copied_is_there_and_nothing_else_is_sent_to_the_builder() -> None:
    allowed = {
        line[1:] for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }

    assert copied() == allowed
    assert [name for name in copied() if not (PROJECT / name).exists()] == []


def test_everything_that_the_wheel_is_made_of_is_copied() -> None:
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {path.split("/")[0] for path in (*wheel["packages"], *wheel["force-include"])}

    assert needed <= copied()


def test_the_extras_exist() -> None:
    extras = set(re.findall(r"--extra (\w+)", DOCKERFILE))

    assert extras == {"ffmpeg", "speech", "otel"}
    assert extras <= PYPROJECT["project"]["optional-dependencies"].keys()


def test_the_user_is_named_by_number() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]


def test_the_oldest_python_that_we_support_suffices() -> None:
    minor = re.search(r"^ARG BASE=python:3\.(\d+)-slim", DOCKERFILE, re.MULTILINE)

    assert minor is not None
    assert int(minor[1]) >= int(PYPROJECT["project"]["requires-python"].removeprefix(">=3."))


def test_nothing_instruments_the_requests_to_vendors() -> None:
    """An instrumented client would send them our trace context."""
    lock = tomllib.loads((PROJECT / "uv.lock").read_text(encoding="utf-8"))
    names = {package["name"] for package in lock["package"]}

    assert "opentelemetry-sdk" in names
    assert not {name for name in names if name.startswith("opentelemetry-instrumentation")}


def test_nothing_is_imported_that_the_dockerfile_removes() -> None:
    """In a process of its own, in which what the image lacks cannot be imported."""
    removed = re.findall(r"site-packages/(kubernetes/\S+)", DOCKERFILE)
    packages = tuple(path.replace("/", ".") for path in removed)

    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, *packages], capture_output=True, text=True, check=False)

    assert len(packages) == 2
    assert done.returncode == 0, done.stderr


IMPORT_ALL = """
import importlib, pkgutil, sys, storyjob, storyjob_webhook

class Removed:
    def find_spec(self, name, path=None, target=None):
        if (name + ".").startswith(tuple(package + "." for package in sys.argv[1:])):
            raise ImportError(name)

sys.meta_path.insert(0, Removed())
for package in (storyjob, storyjob_webhook):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
