"""The vendors the simulator speaks as, by base path: a new one is a file and a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from storyjob.simulator.exchange import Vendor
from storyjob.simulator.vendors.bfl import BlackForestLabs
from storyjob.simulator.vendors.cloud_storage import CloudStorage
from storyjob.simulator.vendors.elevenlabs import ElevenLabs
from storyjob.simulator.vendors.fal import Fal
from storyjob.simulator.vendors.gemini import Gemini
from storyjob.simulator.vendors.google_speech import GoogleSpeech
from storyjob.simulator.vendors.google_token import GoogleToken
from storyjob.simulator.vendors.luma import Luma
from storyjob.simulator.vendors.openai import OpenAi
from storyjob.simulator.vendors.replicate import Replicate
from storyjob.simulator.vendors.runway import Runway
from storyjob.simulator.vendors.vertex import Vertex
from storyjob.simulator.world import World

VENDORS: Mapping[str, Callable[[World], Vendor]] = MappingProxyType(
    {
        "bfl": BlackForestLabs,
        "elevenlabs": ElevenLabs,
        "fal": Fal,
        "gcs": CloudStorage,
        "gemini": Gemini,
        "google-tts": GoogleSpeech,
        "luma": Luma,
        "oauth2": GoogleToken,
        "openai": OpenAi,
        "replicate": Replicate,
        "runway": Runway,
        "vertex": Vertex,
    }
)
