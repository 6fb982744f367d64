"""Which ports a pod reaches: a pod is run that tries to connect, and tells."""

from __future__ import annotations

import json

from e2e.site import Json, Site

# It waits for those that it may reach: a policy is at work moments after a pod has its address.
_SCRIPT = """
import json, socket, sys, time
allowed, refused = json.loads(sys.argv[1])

def connects(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True

end = time.monotonic() + 40
while not all(map(connects, allowed)) and time.monotonic() < end:
    time.sleep(0.5)
with open("/dev/termination-log", "w") as log:
    json.dump({address: connects(address) for address in allowed + refused}, log)
"""


def reached(site: Site, namespace: str, *, allowed: list[str], refused: list[str]) -> dict[str, bool]:
    """Return to which of these `host:port` a pod in this namespace can connect."""
    site.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(_pod(site.image, [allowed, refused])))
    try:
        site.kubectl(*f"wait -n {namespace} --for=jsonpath={{.status.phase}}=Succeeded pod/reach --timeout=90s".split())
        path = "jsonpath={.status.containerStatuses[0].state.terminated.message}"
        found: dict[str, bool] = json.loads(site.kubectl("get", "pod", "reach", "-n", namespace, "-o", path))
        return found
    finally:
        site.kubectl("delete", "pod", "reach", "-n", namespace, "--grace-period=1")


def _pod(image: str, addresses: list[list[str]]) -> Json:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "reach",
        "image": image,
        "command": ["python3", "-c", _SCRIPT, json.dumps(addresses)],
        "securityContext": security,
    }
    restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "securityContext": restricted}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reach"},
        "spec": spec | {"containers": [container]},
    }
