"""The example flows do what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from storyjob.local.kubectl import find_kubectl
from support.controlplane import PROJECT
from support.stage import Stage


def flow(stage: Stage, namespace: str, name: str) -> str:
    """Run an example's script and return what it says."""
    path = os.pathsep.join([str(find_kubectl().parent), os.environ["PATH"]])
    settings = {"KUBECONFIG": str(stage.cluster.kubeconfig), "NAMESPACE": namespace, "PATH": path}
    done = subprocess.run(
        [PROJECT / "examples" / name / "run.sh"],
        env=os.environ | settings | {"SIMULATOR_URL": stage.simulator_url},
        cwd=Path("/"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_webhook_flow(stage: Stage, own_namespace: str) -> None:
    said = flow(stage, own_namespace, "test-webhook-flow")
    assert re.search(r"lost +image +callback +\(none\)", said), said
    assert re.search(r"called-back +image +callback.at +20", said), said
    assert re.search(r"callbacks taken: 1  polls: \d  asked to call back", said), said
    assert re.search(r"callbacks taken: 0  polls: [1-9]  asked to call back", said), said


def test_the_polling_flow(stage: Stage, own_namespace: str) -> None:
    said = flow(stage, own_namespace, "test-polling-flow")
    for step in ("audio", "image", "video"):
        assert re.search(rf"asked +{step} +phase +Succeeded", said), said
        assert re.search(rf"asked +{step} +callback +\(none\)", said), said
    assert len(re.findall(r"callbacks taken: 0  polls: [1-9]  not asked to call back", said)) == 2, said
