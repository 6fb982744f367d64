"""The vendors as the adapters see them, below httpx's client, without a network. One vendor in a file."""

from __future__ import annotations

from simulation.vendors.elevenlabs import ELEVENLABS
from simulation.vendors.fal import FAL
from simulation.vendors.google import SPEECH, VEO
from simulation.vendors.luma import LUMA
from simulation.vendors.openai import OPENAI
from simulation.vendors.replicate import REPLICATE
from simulation.vendors.runway import RUNWAY
from simulation.vendors.studio import STUDIO
from simulation.wire import Vendor

HOSTS: dict[str, Vendor] = {
    "api.replicate.com": REPLICATE,
    "api.elevenlabs.io": ELEVENLABS,
    "us-central1-aiplatform.googleapis.com": VEO,
    "storage.googleapis.com": VEO,
    "oauth2.googleapis.com": VEO,
    "texttospeech.googleapis.com": SPEECH,
    "queue.fal.run": FAL,
    "rest.fal.ai": FAL,
    "api.lumalabs.ai": LUMA,
    "api.dev.runwayml.com": RUNWAY,
    "api.openai.com": OPENAI,
    "studio.example.com": STUDIO,
}
VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in HOSTS.values()}
