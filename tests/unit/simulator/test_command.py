"""The command refuses what it cannot run before it opens a port."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from storyjob.cli.main import app


def test_a_wrong_fault_file_is_refused_with_the_field(tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text('[{"fault": "latency", "seconds": "soon"}]')
    result = CliRunner().invoke(app, ["simulator", "--port", "0", "--faults", str(script)])
    assert result.exit_code == 2
    assert "0.latency.seconds" in result.output


def test_unknown_media_are_refused() -> None:
    result = CliRunner().invoke(app, ["simulator", "--port", "0", "--media", "huge"])
    assert result.exit_code == 2
    assert "neither real nor small" in result.output
