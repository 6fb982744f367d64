"""The whole life of a release on a real node: install, films, a killed leader, an upgrade, the end."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import av
import pytest

from e2e.reach import reached
from e2e.site import RELEASE, STORIES, SYSTEM, Site
from storyjob.api.resource import GROUP
from support import bucket
from support.helm import HelmError

Json = dict[str, Any]

# In the order of a release's life: each goes on where the one before it left off.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SIMULATOR = f"/api/v1/namespaces/{SYSTEM}/services/{RELEASE}-storyjob-simulator:8600/proxy"
SERVICES = ("metrics", "internal", "simulator")
MADE = {"simulated-moon", "orphaned", "killed", "upgraded", "by-a-job", "unfinished"}
SCENES = 4  # as many as the example's MediaProvider makes at once
UPGRADED = (f"watchNamespaces={{{STORIES}}}", "settings.renders=2", "film.runner=Job")


def example(site: Site) -> str:
    """Return the example that the chart's notes name."""
    name = f"{RELEASE}-storyjob-simulator-example"
    return site.kubectl("get", "configmap", name, "-n", SYSTEM, "-o", r"jsonpath={.data.example\.yaml}")


def a_long_story(name: str, *, narrated: bool) -> Json:
    """Return a story that is under way for a while."""
    defaults = {
        "image": {"providerRef": {"name": "simulated-pictures"}, "model": "black-forest-labs/flux-dev"},
        "audio": {"providerRef": {"name": "simulated-voice"}, "model": "eleven_multilingual_v2", "voice": "aria"},
    }
    scenes: list[Json] = []
    for number in range(SCENES):
        text = f"{name} {number}"
        spoken: Json = {"audio": {"text": f"{text}, slowly"}} if narrated else {"seconds": 1}
        scenes.append({"name": f"scene-{number}", "image": {"prompt": text}} | spoken)
    spec = {"title": name, "defaults": defaults, "scenes": scenes, "film": {"resolution": "320x180"}}
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "StoryJob", "metadata": {"name": name}, "spec": spec}


def begin(site: Site, name: str, *, narrated: bool = True) -> None:
    """Apply a long story and wait until all its pictures are being made, and are on record."""
    story = a_long_story(name, narrated=narrated)
    site.kubectl("apply", "-n", STORIES, "-f", "-", stdin=json.dumps(story))
    site.until(f"the pictures of {name} are being made", lambda: len(jobs(site, name)) == SCENES)


def jobs(site: Site, name: str) -> list[str]:
    """Return the jobs that are on record for a story's pictures."""
    label = f"{GROUP}/story={name}"
    path = "jsonpath={.items[*].status.steps.image.jobId}"
    return site.kubectl("get", "scenes", "-n", STORIES, "-l", label, "-o", path).split()


def completed(site: Site, name: str) -> Json:
    """Wait as a user would, and return the story."""
    show(site, *f"wait -n {STORIES} --for=condition=Complete sj/{name} --timeout=110s".split())
    return site.story(name)


def bought(site: Site, text: str) -> list[str]:
    """Return what of a story reached the vendors, by the vendors' own account."""
    ledger = json.loads(site.kubectl("get", "--raw", f"{SIMULATOR}/_sim/ledger"))
    return sorted(entry["text"] for entry in ledger if text in entry["text"])


def seconds_of_film(site: Site, story: Json) -> float:
    """Return how long the film in the bucket is, and show what it is."""
    uri = story["status"]["outputs"]["film"]["uri"]
    data = bucket.read(site.bucket, uri)
    with av.open(io.BytesIO(data)) as container:
        assert {stream.type for stream in container.streams} >= {"video", "audio"}
        seconds = float(container.duration or 0) / av.time_base
        picture = container.streams.video[0]
        print(f"\n{uri}: {seconds:.1f} s, {picture.width}x{picture.height}, {len(data):,} bytes", flush=True)
        return seconds


def leader(site: Site) -> str:
    """Return the name of the pod that holds the Lease, empty where nobody does."""
    path = "jsonpath={.spec.holderIdentity}"
    holder = site.kubectl("get", "lease", f"{RELEASE}-storyjob", "-n", SYSTEM, "-o", path)
    return holder.rpartition("_")[0]


def show(site: Site, *words: str) -> None:
    print(f"\n$ kubectl {' '.join(words)}\n{site.kubectl(*words)}", flush=True)


def test_it_installs_and_is_ready(site: Site) -> None:
    print(site.install("install"))
    show(site, "get", "pods", "-n", SYSTEM, "-o", "wide")

    containers = [one for pod in site.pods("operator") for one in pod["status"]["containerStatuses"]]
    assert sorted(one["name"] for one in containers) == ["operator", "operator", "webhook", "webhook"]
    assert all(one["ready"] and one["restartCount"] == 0 for one in containers)


def test_the_example_of_the_notes_becomes_a_film(site: Site) -> None:
    site.kubectl("apply", "-n", STORIES, "-f", "-", stdin=example(site))

    story = completed(site, "simulated-moon")

    show(site, "get", "storyjobs,scenes", "-n", STORIES)
    assert seconds_of_film(site, story) == pytest.approx(story["status"]["outputs"]["film"]["durationSeconds"], abs=0.5)
    scenes = json.loads(site.kubectl("get", "scenes", "-n", STORIES, "-o", "json"))["items"]
    assert all("callback" in scene["status"]["steps"]["image"] for scene in scenes), "no callback came through"


@pytest.mark.usefixtures("enforced_policies")
def test_strangers_reach_callbacks_and_metrics_only(site: Site) -> None:
    operator, webhook, vendors = (f"{RELEASE}-storyjob-{name}.{SYSTEM}.svc.cluster.local" for name in SERVICES)
    open_to_all = [f"{RELEASE}-storyjob-callbacks.{SYSTEM}.svc.cluster.local:8080", f"{operator}:8082"]
    private = [f"{webhook}:8081", f"{vendors}:8600"]

    stranger = reached(site, STORIES, allowed=open_to_all, refused=private)
    neighbour = reached(site, SYSTEM, allowed=open_to_all + private, refused=[])

    print(f"\nfrom namespace {STORIES}: {stranger}\nfrom namespace {SYSTEM}: {neighbour}", flush=True)
    assert stranger == dict.fromkeys(open_to_all, True) | dict.fromkeys(private, False)
    assert neighbour == dict.fromkeys(open_to_all + private, True)


def test_when_the_leader_is_killed_the_other_goes_on(site: Site) -> None:
    begin(site, "orphaned", narrated=False)
    first = leader(site)
    site.kubectl("delete", "pod", first, "-n", SYSTEM, "--force", "--grace-period=0")

    site.until("another operator leads", lambda: leader(site) not in ("", first))
    completed(site, "orphaned")

    assert len(bought(site, "orphaned")) == len(set(bought(site, "orphaned"))) == SCENES


def test_a_killed_operator_is_replaced_and_nothing_is_bought_twice(site: Site) -> None:
    # Only jobs that can be asked about: a narration under way would be lost with its connection, and wait for a person.
    begin(site, "killed", narrated=False)
    for pod in site.pods("operator"):
        site.kubectl("delete", "pod", pod["metadata"]["name"], "-n", SYSTEM, "--force", "--grace-period=0")

    completed(site, "killed")

    assert len(bought(site, "killed")) == len(set(bought(site, "killed"))) == SCENES


def test_an_upgrade_under_way_loses_and_buys_nothing(site: Site) -> None:
    begin(site, "upgraded")
    site.install("upgrade", *UPGRADED)

    completed(site, "upgraded")

    assert len(bought(site, "upgraded")) == len(set(bought(site, "upgraded"))) == 2 * SCENES
    roles = site.kubectl("get", "clusterroles", "-o", "name").split()
    assert not [name for name in roles if name.endswith("storyjob-operator")], "it needs cluster-wide rights no more"


def test_a_film_is_made_by_a_job(site: Site) -> None:
    """The upgrade before asked for it."""
    begin(site, "by-a-job", narrated=False)

    story = completed(site, "by-a-job")

    label = f"{GROUP}/story=by-a-job"
    show(site, "get", "jobs,pods", "-n", SYSTEM, "-l", label, "-o", "wide")
    (job,) = json.loads(site.kubectl("get", "jobs", "-n", SYSTEM, "-l", label, "-o", "json"))["items"]
    assert job["status"]["succeeded"] == 1
    assert "failed" not in job["status"]
    assert seconds_of_film(site, story) == pytest.approx(SCENES, abs=0.5)


def test_a_right_that_was_taken_away_is_named_and_an_upgrade_gives_it_back(site: Site) -> None:
    binding = f"{SYSTEM}-{RELEASE}-storyjob-operator"
    site.kubectl("delete", "rolebinding", binding, "-n", STORIES)
    before = {pod["metadata"]["name"] for pod in site.pods("operator")}
    site.kubectl("rollout", "restart", f"deployment/{RELEASE}-storyjob", "-n", SYSTEM)
    site.until("there is a new operator", lambda: fresh(site, before))

    site.until("it says what it lacks", lambda: "RBAC does not allow" in log(site, fresh(site, before)))

    show(site, "logs", fresh(site, before), "-n", SYSTEM, "-c", "operator", "--tail=1")
    site.install("upgrade", *UPGRADED)
    assert all(one["ready"] for pod in site.pods("operator") for one in pod["status"]["containerStatuses"])


def fresh(site: Site, before: set[str]) -> str:
    """Return the name of an operator's pod that was not there before, empty where there is none that runs."""
    running = [pod for pod in site.pods("operator") if pod["status"]["phase"] == "Running"]
    return next((name for pod in running if (name := pod["metadata"]["name"]) not in before), "")


def log(site: Site, pod: str) -> str:
    """Return what a pod's operator has logged."""
    return site.kubectl("logs", pod, "-n", SYSTEM, "-c", "operator")


def test_helm_test_makes_a_film_and_takes_it_away(site: Site) -> None:
    before = site.kubectl("get", "storyjobs,mediaproviders", "-n", STORIES, "-o", "name")

    said = site.helm("test", RELEASE, "--namespace", SYSTEM, "--timeout=4m", seconds=300)

    print(said)
    assert re.search(r"Last Completed:.*\nPhase: +Succeeded", said)
    assert site.pods("test") == []
    assert site.kubectl("get", "storyjobs,mediaproviders", "-n", STORIES, "-o", "name") == before


def test_it_is_not_uninstalled_while_a_story_runs(site: Site) -> None:
    begin(site, "unfinished")

    with pytest.raises(HelmError, match="film-storyjob-uninstall failed"):
        site.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--timeout=2m", seconds=150)

    pods = site.pods("uninstall")
    assert "stories are being made: stories/unfinished" in json.dumps(pods[0]["status"]["containerStatuses"])
    completed(site, "unfinished")


def test_uninstalled_it_leaves_stories_but_nothing_that_holds_them(site: Site) -> None:
    site.helm("uninstall", RELEASE, "--namespace", SYSTEM, "--wait", "--timeout=4m", seconds=300)

    site.until("all pods are gone", lambda: not site.kubectl("get", "pods", "-n", SYSTEM, "-o", "name"))
    left = site.kubectl("get", "secrets,configmaps,leases,roles,serviceaccounts", "-n", SYSTEM, "-o", "name").split()
    assert [name for name in left if "storyjob" in name] == []
    stories = json.loads(site.kubectl("get", "storyjobs,scenes,mediaproviders", "-A", "-o", "json"))["items"]
    assert {story["metadata"]["name"] for story in stories if story["kind"] == "StoryJob"} == MADE
    assert [
        each for story in stories for each in story["metadata"].get("finalizers", ()) if each.startswith(GROUP)
    ] == []
    cluster = site.kubectl("get", "clusterroles,clusterrolebindings,validatingadmissionpolicies", "-o", "name")
    assert RELEASE not in cluster
