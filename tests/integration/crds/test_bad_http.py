"""A service of type http that lacks something is refused at apply, by the field's name and with the remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyjob.api.errors import LocalWorldError
from support.controlplane import Cluster
from support.declared import example
from support.manifests import a_provider

GONE = object()


def changed(path: str, value: Any, name: str = "webhook") -> dict[str, Any]:
    """Return an example with one field of its spec changed, or taken away."""
    manifest = example(name)
    *parents, last = path.split(".")
    target = manifest["spec"]
    for parent in parents:
        target = target.setdefault(parent, {})
    if value is GONE:
        del target[last]
    else:
        target[last] = value
    return manifest


def apply(cluster: Cluster, namespace: str, manifest: dict[str, Any]) -> str:
    arguments = ("apply", "--server-side", "--dry-run=server", "--namespace", namespace, "-f", "-")
    return cluster.kubectl(*arguments, stdin=json.dumps(manifest))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        pytest.param(changed("http", GONE), "spec.http: .*set it for that type, and for no other", id="not described"),
        pytest.param(
            a_provider(http=example("webhook")["spec"]["http"]), "set it for that type, and for no other", id="a vendor"
        ),
        pytest.param(changed("endpoint", GONE), "spec.endpoint says where a service of type http is", id="no endpoint"),
        pytest.param(
            {**a_provider(), "spec": {"type": "replicate"}}, "spec.credentials is missing: name the Secret", id="no key"
        ),
        pytest.param(changed("webhook", GONE), "spec.webhook: .*set it for a signature", id="no signing key"),
        pytest.param(
            changed("http.webhook.signature", {"scheme": "None"}),
            "leave it out for scheme None",
            id="a key for nothing",
        ),
        pytest.param(changed("http.poll", GONE), "set spec.http.poll and spec.http.extract.jobId", id="no poll"),
        pytest.param(changed("http.extract.jobId", GONE), "set spec.http.poll and spec.http.extract", id="no job id"),
        pytest.param(changed("http.mode", "Sync"), "remove poll, result, cancel and webhook", id="a job that is none"),
        pytest.param(changed("http.poll.path", GONE), "spec.http.poll.* set spec.http.poll.path, or", id="no path"),
        pytest.param(changed("http.cancel.path", GONE), "set spec.http.cancel.path, or", id="no path to cancel"),
        pytest.param(changed("http.result", {}), "set spec.http.result.path, or", id="no path of the result"),
        pytest.param(changed("http.poll.words", GONE), "must tell when a job is done: set doneWhen", id="no end"),
        pytest.param(changed("http.extract.output", {"kind": "Url"}), "value says where", id="no value"),
        pytest.param(
            changed("http.extract.output", {"kind": "Base64", "value": "a", "sendCredentials": True}),
            "sendCredentials is for links",
            id="credentials for bytes",
        ),
        pytest.param(
            changed("http.extract.output", {"kind": "Body"}), "set spec.http.result, or another", id="no body"
        ),
        pytest.param(
            changed("http.submit.form", [{"name": "a", "value": "b"}]), "a request has one body", id="two bodies"
        ),
        pytest.param(
            changed("http.submit", {"path": "/j", "form": [{"name": "a"}]}), "set value or file", id="an empty part"
        ),
        pytest.param(changed("http.submit.path", "jobs"), "spec.http.submit.path in body should match", id="a path"),
        pytest.param(changed("http.steps", []), "spec.http.steps in body should have at least 1", id="no steps"),
        pytest.param(changed("http.errors", [{"kind": "Quota"}]), 'Unsupported value: "Quota"', id="a kind"),
        pytest.param(
            changed("http.errors", [{"kind": "Throttled"}]), "needs statuses or codes", id="a rule of nothing"
        ),
        pytest.param(changed("http.errors", [{"kind": "Throttled", "statuses": [200]}]), "to 300", id="a success"),
        pytest.param(
            changed("http.allowedHosts", ["https://a.b"]), r"allowedHosts\[0\] in body should match", id="a URL"
        ),
        pytest.param(changed("http.extract.jobId", "a" * 501), "Too long: may not be more than 500", id="too long"),
        pytest.param(
            changed("http.webhook.signature", {"scheme": "HmacSHA256"}), "set it for that scheme", id="no header"
        ),
        pytest.param(changed("http.submit.bodi", {}), r"\.spec\.http\.submit\.bodi: field not declared", id="a typo"),
    ],
)
def test_it_is_refused_at_apply(crds: Cluster, namespace: str, manifest: dict[str, Any], words: str) -> None:
    with pytest.raises(LocalWorldError, match=words):
        apply(crds, namespace, manifest)


def test_a_service_may_do_without_credentials_and_with_unsigned_callbacks(crds: Cluster, namespace: str) -> None:
    manifest = changed("http.webhook.signature", {"scheme": "None"})
    del manifest["spec"]["webhook"], manifest["spec"]["credentials"]

    assert "serverside-applied" in apply(crds, namespace, manifest)
