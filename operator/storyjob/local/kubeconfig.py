"""Writes the kubeconfig of a local control plane."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from storyjob.local.pki import write_private


def write_kubeconfig(path: Path, *, url: str, authority: Path, token: str) -> None:
    """Write a kubeconfig with one cluster and one user, readable by its owner only."""
    name = "storyjob-local"
    authority_data = base64.b64encode(authority.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority-data": authority_data}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())
