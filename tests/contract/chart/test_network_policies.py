"""NetworkPolicies open each port to those whom the values name, and to nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import Helm

Json = dict[str, Any]

ON = "--set=networkPolicy.enabled=true"


def policy(manifests: list[Json], name: str) -> Json:
    """Return the rules of a NetworkPolicy."""
    found: Json = next(
        item for item in manifests if (item["kind"], item["metadata"]["name"]) == ("NetworkPolicy", name)
    )["spec"]
    return found


def peers(rules: Json) -> dict[str | int, Any]:
    """Return who may reach each port; None stands for everybody."""
    return {port["port"]: rule.get("from") for rule in rules["ingress"] for port in rule["ports"]}


@pytest.mark.parametrize("placement", ["Sidecar", "Deployment"])
def test_the_internal_port_is_open_to_the_releases_namespace_only(helm: Helm, placement: str) -> None:
    manifests = helm.template(ON, f"--set=webhook.placement={placement}")
    name = "film-storyjob" if placement == "Sidecar" else "film-storyjob-webhook"

    opened = peers(policy(manifests, name))

    # Metrics may be read by all namespaces: that must not open the HTTP API, which listens on another port.
    assert opened["internal"] == [{"podSelector": {}}]
    assert opened["callbacks"] is None
    assert peers(policy(manifests, "film-storyjob"))["metrics"] == [{"namespaceSelector": {}}]


def test_each_port_takes_its_own_peers(helm: Helm) -> None:
    flags = [
        f'--set-json=networkPolicy.{name}From=[{{"podSelector":{{"matchLabels":{{"for":"{name}"}}}}}}]'
        for name in ("callbacks", "internal", "metrics")
    ]

    opened = peers(policy(helm.template(ON, *flags), "film-storyjob"))

    assert opened == {name: [{"podSelector": {"matchLabels": {"for": name}}}] for name in opened}
    assert opened.keys() == {"callbacks", "internal", "metrics"}


def test_the_api_server_is_reached_where_it_listens(helm: Helm) -> None:
    flags = ("--set=networkPolicy.apiServerPorts={16443}", "--set=networkPolicy.apiServerCidrs={192.0.2.1/32}")

    rules = policy(helm.template(ON, *flags, "--set=webhook.placement=Deployment"), "film-storyjob-webhook")

    names = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    server = {"ports": [{"port": 16443}], "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}
    assert rules["egress"] == [names, server], "what faces the internet reaches nothing else"
