"""The stories of examples/gitops as either tool applies them, where no operator has seen them yet."""

from __future__ import annotations

import json
from typing import Any

from support.argocd import health
from support.controlplane import Cluster
from support.gitops import FOLDER, find
from support.kstatus import kstatus

Json = dict[str, Any]


def test_what_was_just_applied_is_taken_for_healthy_by_no_tool(crds: Cluster) -> None:
    namespace = find("Application", "stories")["spec"]["destination"]["namespace"]
    crds.kubectl("create", "namespace", namespace)
    try:
        crds.kubectl("apply", "--server-side", "--validate=strict", "-k", FOLDER / "stories")
        words = ("get", "storyjobs,mediaproviders", "--namespace", namespace, "--output=json")
        found: list[Json] = json.loads(crds.kubectl(*words))["items"]
        assert {item["kind"] for item in found} == {"StoryJob", "MediaProvider"}
        for item in found:
            assert (kstatus(item), health(item).status) == ("InProgress", "Progressing"), item["status"]
        assert crds.kubectl("diff", "--server-side", "-k", FOLDER / "stories") == ""
    finally:
        crds.delete_namespace(namespace)
