"""Lists the provider types: what each can do, how it is built and where it lives. A new vendor is one line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from storyjob.api.capabilities import Capabilities
from storyjob.api.errors import InvalidInput
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.providers import (
    bfl,
    elevenlabs,
    fal,
    gemini,
    google_speech,
    imagen,
    luma,
    openai,
    replicate,
    runway,
    veo,
    vertex_place,
)
from storyjob.providers.base import Connection, Provider
from storyjob.providers.http import adapter as http


@dataclass(frozen=True, slots=True)
class ProviderType:
    """One vendor. ``signing_secret`` fetches the key of its webhooks, where its API tells it.

    ``build`` raises ``InvalidInput`` for a connection that it cannot work with.
    """

    capabilities: Capabilities
    build: Callable[[Connection], Provider]
    endpoint: str
    signing_secret: Callable[[Connection], Awaitable[str]] | None = None


PROVIDERS: Mapping[str, ProviderType] = MappingProxyType(
    {
        "bfl": ProviderType(bfl.CAPABILITIES, bfl.BlackForestLabs, bfl.ENDPOINT),
        "elevenlabs": ProviderType(elevenlabs.CAPABILITIES, elevenlabs.ElevenLabs, elevenlabs.ENDPOINT),
        "fal": ProviderType(fal.CAPABILITIES, fal.Fal, fal.ENDPOINT, fal.fetch_jwks),
        "gemini": ProviderType(gemini.CAPABILITIES, gemini.Gemini, gemini.ENDPOINT, gemini.fetch_jwks),
        "google-imagen": ProviderType(imagen.CAPABILITIES, imagen.Imagen, vertex_place.ENDPOINT),
        "google-tts": ProviderType(google_speech.CAPABILITIES, google_speech.GoogleSpeech, google_speech.ENDPOINT),
        # Its endpoint is the user's to say.
        "http": ProviderType(http.CAPABILITIES, http.HttpProvider, ""),
        "luma": ProviderType(luma.CAPABILITIES, luma.Luma, luma.ENDPOINT),
        "openai": ProviderType(openai.CAPABILITIES, openai.OpenAi, openai.ENDPOINT),
        "replicate": ProviderType(
            replicate.CAPABILITIES, replicate.Replicate, replicate.ENDPOINT, replicate.fetch_signing_secret
        ),
        "runway": ProviderType(runway.CAPABILITIES, runway.Runway, runway.ENDPOINT),
        "vertex-veo": ProviderType(veo.CAPABILITIES, veo.Veo, vertex_place.ENDPOINT),
    }
)


def provider_types() -> tuple[str, ...]:
    """Return the names that ``spec.type`` of a MediaProvider may have, sorted."""
    return tuple(sorted(PROVIDERS))


def provider_type(name: str) -> ProviderType:
    """Return the provider type of that name. Raises ``InvalidInput`` for an unknown one."""
    try:
        return PROVIDERS[name]
    except KeyError:
        known = ", ".join(provider_types())
        raise InvalidInput(f"provider type {name!r} is not known; known: {known}") from None


def capabilities_of(spec: MediaProviderSpec) -> Capabilities:
    """Return what a MediaProvider can do: what its type can, or what its own description says."""
    return http.capabilities_of(spec.http) if spec.http is not None else provider_type(spec.type).capabilities
