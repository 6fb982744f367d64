"""The configuration files of a node, and the addresses in them."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.programs import CNI

BRIDGE = "storyjob0"
HOST = "10.231.7.1"
"""The host as pods see it: API server, S3 and names are served here."""
PODS = "10.231.7.0/24"
NODE = "storyjob-e2e"
PAUSE_IMAGE = "storyjob-pause:local"


def containerd_config(folder: Path) -> str:
    """Return containerd's configuration, all of whose state lies in ``folder``."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[{cri}]
  sandbox_image = "docker.io/library/{PAUSE_IMAGE}"
  # Without it runc fails where we may not lower our own score.
  restrict_oom_score_adj = true
[{cri}.cni]
  bin_dir = "{CNI}"
  conf_dir = "{folder}/cni"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def cni_config(folder: Path) -> str:
    """Return the pods' network: a bridge on this machine, and no way out of it."""
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS, "gateway": HOST}]]}
        | {"routes": [{"dst": "0.0.0.0/0"}], "dataDir": f"{folder}/cni-addresses"},
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return json.dumps({"cniVersion": "1.0.0", "name": "storyjob", "plugins": plugins})


def kubelet_config(folder: Path) -> str:
    """Return kubelet's configuration (JSON is YAML)."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": HOST,
            # Only pods can reach this address, and the API server has no certificate to show.
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
            "clusterDNS": [HOST],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            # They would outlive it.
            "makeIPTablesUtilChains": False,
            "evictionHard": dict.fromkeys(
                ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%"
            ),
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "podLogsDir": f"{folder}/pod-logs",
        }
    )
