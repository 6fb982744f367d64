"""The stories that benchmarks film, and the providers that they buy from: all different, so that nothing is reused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from support.api_server import ApiServer
from support.manifests import API_VERSION, a_story

Json = dict[str, Any]
SMALL_FILM = {"resolution": "320x180", "fps": 10}
_MANY = 10_000  # so many generations at once that the provider never is what is waited for
_KEYS = {"pictures": "r8_simulator", "voice": "sk_simulator"}


@dataclass(frozen=True, slots=True)
class Bill:
    """How many stories of how many scenes."""

    stories: int
    scenes: int

    @property
    def total(self) -> int:
        return self.stories * self.scenes


def a_bench_story(name: str, tag: str, scenes: int, *, film: Json = SMALL_FILM, narrated: bool = True) -> Json:
    """Return a story whose texts all begin with ``tag``; pictures all at once, narrations in order."""
    defaults: Json = {"image": {"providerRef": {"name": "pictures"}, "model": "black-forest-labs/flux-dev"}}
    if narrated:
        voice = {"providerRef": {"name": "voice"}, "model": "eleven_multilingual_v2", "voice": "aria"}
        defaults["audio"] = voice
    acts = []
    for place in range(scenes):
        act: Json = {"name": f"s{place:03}", "image": {"prompt": f"{tag} {name} {place}"}}
        if narrated:
            act["audio"] = {"text": f"{tag} {name} {place}"}
        acts.append(act)
    return a_story(name, scenes=acts, defaults=defaults, parallelism={"image": scenes, "audio": 1}, film=film)


def engage(api: ApiServer, namespace: str, simulator_url: str, *, polling: Json | None = None) -> None:
    """Make the Secret and the two providers: webhooks for pictures, plain answers for narrations."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "labels": {"storyjob.dev/credentials": "true"}},
        "stringData": _KEYS,
    }
    api.apply("secrets", namespace, secret)
    pictures: Json = {"type": "replicate", "timeoutSeconds": 86_400, "completion": "Webhook"}
    pictures |= {"polling": polling} if polling else {}
    for name, path, spec in (("pictures", "replicate", pictures), ("voice", "elevenlabs", {"type": "elevenlabs"})):
        reach = {
            "endpoint": f"{simulator_url}/{path}",
            "credentials": {"secretRef": {"name": "keys", "key": name}},
            "limits": {"concurrent": _MANY},
        }
        body = {"apiVersion": API_VERSION, "kind": "MediaProvider", "metadata": {"name": name}, "spec": spec | reach}
        api.apply("mediaproviders", namespace, body)


def bought_once(ledger: Iterable[Json]) -> int:
    """Return how many generations the vendors took. Raises ``AssertionError`` when one was bought twice."""
    jobs = [entry for entry in ledger if entry["job_id"] is not None]
    times = Counter((entry["kind"], entry["text"]) for entry in jobs)
    twice = [entry for entry in jobs if times[entry["kind"], entry["text"]] > 1]
    assert not twice, f"bought twice: {twice}"
    return len(jobs)
