"""Schedules of one picture: in a fair world, and in one where much is lost and has to be looked for."""

from __future__ import annotations

from dataclasses import replace

from simulation.schedule import Schedule
from simulation.weather import Channel

IMAGE = {"providerRef": {"name": "replicate"}, "model": "black-forest-labs/flux-dev"}
REPLICATE = {
    "type": "replicate",
    "credentials": {"secretRef": {"name": "keys", "key": "replicate"}},
    "limits": {"concurrent": 2},
    "polling": {"initialSeconds": 2, "factor": 1.5, "maxSeconds": 10},
    "timeoutSeconds": 600,
    "prices": [{"model": "*", "perGeneration": "0.05"}],
}
FAIR = Schedule(
    seed=1,
    stories=({"scenes": [{"name": "forest", "image": {"prompt": "the forest"}}], "defaults": {"image": IMAGE}},),
    providers={"replicate": REPLICATE},
    callbacks=True,
    operators=1,
    leased=True,
    deaths=((),),
    skews=(0.0,),
    acts=(),
    calm_at=0.0,
)
LOSSES = replace(
    FAIR,
    stories=({**FAIR.stories[0], "retry": {"limit": 3, "backoffSeconds": 1}, "cache": "Bypass"},),
    callbacks=False,
    calm_at=90.0,
    rates={Channel.VENDOR: 0.5, Channel.JOB: 0.6, Channel.LIST: 0.4},
)
"""No callback tells of what was lost, failures are tried again at once, and the vendor shows its jobs late."""
DEAF = replace(
    FAIR,
    stories=(
        {
            "scenes": [{"name": "forest", "image": {"prompt": "the forest"}}],
            "defaults": {"image": {"providerRef": {"name": "fal"}, "model": "fal-ai/flux/dev"}},
        },
    ),
    providers={"fal": REPLICATE | {"type": "fal", "credentials": {"secretRef": {"name": "keys", "key": "fal"}}}},
    callbacks=False,
    calm_at=90.0,
    rates={Channel.API: 0.5},
)
"""The API server is in trouble, and no vendor tells of a job but in its first answer."""
RIVALS = replace(
    LOSSES,
    operators=2,
    leased=False,
    deaths=((), ()),
    skews=(0.0, 0.0),
    rates={Channel.API: 0.4, Channel.VENDOR: 0.4},
)
"""Two act at once on the same picture, as a leader does that was cut off and the one after it; writes come late."""
