"""`storyjob local demo` ends with a film, or says why there is none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from storyjob.local.assets import demo_story

pytestmark = [pytest.mark.usefixtures("binaries"), pytest.mark.timeout(600)]

IMPOSSIBLE = """
apiVersion: storyjob.dev/v1alpha1
kind: StoryJob
metadata: {name: impossible}
spec:
  scenes:
  - name: only
    image: {prompt: "a fox", providerRef: {name: nobody}, model: a-model}
"""


def demo(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storyjob.cli.main", "local", "demo", *arguments, "--speed", "10"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_fox_and_the_moon_becomes_a_film(tmp_path: Path) -> None:
    done = demo(tmp_path, demo_story(), "--output", tmp_path / "film")
    assert done.returncode == 0, done.stdout + done.stderr

    files = {path.name for path in (tmp_path / "film").iterdir()}
    assert {"film.mp4", "poster.jpg", "captions.srt", "captions.vtt", "manifest.json"} <= files
    with av.open(str(tmp_path / "film" / "film.mp4")) as film:
        assert {stream.type for stream in film.streams} >= {"video", "audio"}
    assert "laughed in a hundred" in (tmp_path / "film" / "captions.srt").read_text().replace("\n", " ")
    assert json.loads((tmp_path / "film" / "manifest.json").read_text())

    assert re.search(r"\d:\d\d  hill: image done", done.stdout)
    assert "Completed, 100%" in done.stdout
    assert not list(tmp_path.glob("storyjob-demo-*"))


def test_without_a_film_the_reason_is_told(tmp_path: Path) -> None:
    story = tmp_path / "impossible.yaml"
    story.write_text(IMPOSSIBLE)
    failed = demo(tmp_path, story)
    assert failed.returncode == 1
    assert "ProviderNotFound" in failed.stderr
    assert "nobody" in failed.stderr
    assert not (tmp_path / "demo-output").exists()
    assert not list(tmp_path.glob("storyjob-demo-*"))
