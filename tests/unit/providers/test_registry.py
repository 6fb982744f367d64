"""The list of provider types."""

from __future__ import annotations

import pytest

from storyjob.api.capabilities import Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.mediaprovider import ProviderType
from storyjob.providers.registry import PROVIDERS, provider_type, provider_types
from support.vendors import SECRET, answering, connect, connection


def test_the_types_are_known_by_name() -> None:
    assert provider_types() == tuple(sorted(PROVIDERS))
    assert {"elevenlabs", "openai", "replicate", "vertex-veo"} <= set(provider_types())


def test_what_users_may_write_is_what_we_can_speak() -> None:
    assert set(provider_types()) == {kind.value for kind in ProviderType}


def test_an_unknown_type_is_told_what_is_known() -> None:
    with pytest.raises(InvalidInput, match=r"'sora' is not known; known: .*elevenlabs, .*replicate"):
        provider_type("sora")


@pytest.mark.parametrize("name", provider_types())
def test_every_type_keeps_its_word(name: str) -> None:
    known = PROVIDERS[name]

    own = connect(name, answering(500)).capabilities
    assert own.steps <= known.capabilities.steps
    assert own.modes <= known.capabilities.modes
    assert own == known.capabilities or name == "http"
    assert known.endpoint.startswith("https://") or name == "http"
    assert known.capabilities.steps
    assert Mode.WEBHOOK not in known.capabilities.modes or Mode.POLL in known.capabilities.modes


@pytest.mark.parametrize("name", provider_types())
def test_no_adapter_shows_its_secret(name: str) -> None:
    vendor = answering(500)

    assert SECRET not in repr(connect(name, vendor))
    assert SECRET not in repr(connection(name, vendor))
