"""Where `make e2e` runs follows from what is on the machine, tried with stand-ins for docker and kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e import choice
from e2e.choice import Place, base_image, choose
from e2e.kind import gateway

ANSWERS = "exit 0"


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH, on a Linux where nothing was asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(choice.sys, "platform", "linux")
    for name in ("E2E_KUBECONFIG", "E2E_ON"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def install(folder: Path, name: str, script: str = ANSWERS) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("docker", "kind", "place", "because"),
    [
        pytest.param(None, None, Place.NODE, "no docker and no kind on the PATH", id="neither"),
        pytest.param(ANSWERS, None, Place.NODE, "no kind on the PATH", id="Docker alone"),
        pytest.param(None, ANSWERS, Place.NODE, "no docker on the PATH", id="kind alone"),
        pytest.param(ANSWERS, ANSWERS, Place.KIND, "Docker, kind and their images are here", id="both, and images"),
        pytest.param("exit 1", ANSWERS, Place.NODE, "no Docker daemon answers", id="no daemon"),
        pytest.param(
            '[ "$1" = version ]', ANSWERS, Place.NODE, f"the image {base_image()} is not here", id="no registry"
        ),
        pytest.param('[ "$1" != image ]', ANSWERS, Place.KIND, "their images are here", id="a registry that answers"),
    ],
)
def test_kind_is_used_where_all_of_it_is_there(
    programs: Path, docker: str | None, kind: str | None, place: Place, because: str
) -> None:
    for name, script in (("docker", docker), ("kind", kind)):
        if script:
            install(programs, name, script)

    chosen, reason = choose()

    assert chosen is place
    assert because in reason


def test_a_cluster_of_the_users_goes_first(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "docker")
    install(programs, "kind")
    monkeypatch.setenv("E2E_KUBECONFIG", "/somewhere")
    monkeypatch.setenv("E2E_ON", "node")

    assert choose()[0] is Place.CLUSTER


@pytest.mark.parametrize("asked", [Place.KIND, Place.NODE])
def test_what_is_asked_for_is_done_untried(monkeypatch: pytest.MonkeyPatch, asked: Place) -> None:
    monkeypatch.setenv("E2E_ON", asked)

    assert choose()[0] is asked


def test_a_place_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_ON", "moon")

    with pytest.raises(ValueError, match="E2E_ON=moon: it may be kind or node"):
        choose()


def test_elsewhere_than_on_linux_pods_cannot_reach_the_bucket(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(programs, "docker")
    install(programs, "kind")
    monkeypatch.setattr(choice.sys, "platform", "darwin")

    assert choose()[0] is Place.NODE


def test_the_gateway_of_a_network_with_two_protocols() -> None:
    assert gateway("fc00:f853:ccd:e793::1\n172.18.0.1\n") == "172.18.0.1"
    with pytest.raises(ValueError, match="no IPv4 gateway"):
        gateway("fc00:f853:ccd:e793::1\n")
