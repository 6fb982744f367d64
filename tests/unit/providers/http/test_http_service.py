"""A description that cannot work is told by field and remedy before anything is bought."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from storyjob.api.capabilities import Cancel, Mode
from storyjob.api.errors import InvalidInput
from storyjob.api.http.service import HttpService
from storyjob.api.mediaprovider import MediaProviderSpec
from storyjob.api.step import StepKind
from storyjob.providers.http.adapter import capabilities_of
from storyjob.providers.http.service import compile_service
from support.declared import EXAMPLES as EXAMPLES_FOLDER
from support.declared import example, example_service

EXAMPLES = ["webhook", "comfyui", "cog", "openai", "replicate"]


def changed(path: str, value: Any, name: str = "webhook") -> HttpService:
    """Return an example with one field changed; None takes it away."""
    http = example(name)["spec"]["http"]
    *parents, last = path.split(".")
    target = http
    for parent in parents:
        target = target[int(parent)] if isinstance(target, list) else target.setdefault(parent, {})
    if value is None:
        del target[last]
    else:
        target[last] = value
    return HttpService.model_validate(http)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_compiles(name: str) -> None:
    service = compile_service(example_service(name))

    assert service.submit.path is not None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("extract.jobId", "id[", r"spec\.http\.extract\.jobId: 'id\[' is not JMESPath: .* at column 3"),
        ("extract.output.value", "result.", r"spec\.http\.extract\.output\.value: "),
        ("extract.cost", "[usd]x", r"spec\.http\.extract\.cost: "),
        ("poll.doneWhen", "state ==", r"spec\.http\.poll\.doneWhen: "),
        ("webhook.endedWhen", "state ==", r"spec\.http\.webhook\.endedWhen: "),
        ("submit.body", {"a": "{{promt}}"}, r"spec\.http\.submit\.body\.a: \{\{promt\}\} is no placeholder"),
        ("submit.path", "/v1/{{jobId}}", r"spec\.http\.submit\.path: \{\{jobId\}\} is no placeholder"),
        ("submit.headers", {"X-A": "{{nope}}"}, r"spec\.http\.submit\.headers\[X-A\]: "),
        ("submit.headers", {"authorization": "Bearer x"}, r"holds the credentials, see spec\.http\.auth"),
        ("submit.headers", {"Host": "x"}, "Host cannot be set"),
        ("submit.headers", {"X A": "x"}, "is no name of a header"),
        ("auth.header", "Host", r"spec\.http\.auth\.header: Host cannot be set"),
        ("submit.idempotencyHeader", "Authorization", r"submit\.idempotencyHeader: Authorization holds"),
        ("poll.path", "/v1/jobs", r"spec\.http\.poll names no job: put \{\{jobId\}\}"),
        ("poll.path", None, r"spec\.http\.poll\.path is missing"),
        ("cancel.path", None, r"spec\.http\.cancel\.path is missing"),
        ("poll", None, "mode Async needs poll and extract.jobId"),
        ("extract.jobId", None, "mode Async needs poll and extract.jobId"),
        ("extract.output", {"kind": "Url"}, r"extract\.output\.value is missing"),
        ("extract.output", {"kind": "Body"}, r"spec\.http\.result is missing"),
        ("poll.words.failed", ["done"], "'done' means both Succeeded and Failed"),
        ("errors", [{"kind": "Throttled", "statuses": [503]}, {"kind": "Unavailable", "statuses": [503]}], "503 means"),
        ("webhook", None, r"submit holds \{\{callbackUrl\}\}: say in spec\.http\.webhook"),
        ("submit.body.callback", None, r"nothing in spec\.http\.submit holds \{\{callbackUrl\}\}"),
        ("result", {"path": "/r/{{x}}", "values": {"x y": "id"}}, "'x y' cannot be a placeholder"),
        ("result", {"path": "/r/{{jobId}}", "values": {"jobId": "id"}}, "'jobId' cannot be a placeholder"),
        ("result", {"path": "/r/{{jobId}}", "values": {"x": "id["}}, r"spec\.http\.result\.values\[x\]: "),
    ],
)
def test_what_cannot_work_is_told(path: str, value: Any, words: str) -> None:
    service = changed(path, value)

    with pytest.raises(InvalidInput, match=words):
        compile_service(service)


def test_a_url_that_an_answer_tells_needs_no_path() -> None:
    http = example("webhook")["spec"]["http"]
    del http["poll"]["path"]
    http["extract"]["statusUrl"] = "links.self"

    assert compile_service(HttpService.model_validate(http)).poll is not None


@pytest.mark.parametrize(
    ("name", "modes", "cancel", "steps"),
    [
        ("webhook", {Mode.POLL, Mode.WEBHOOK}, Cancel.BEST_EFFORT, {StepKind.IMAGE, StepKind.VIDEO}),
        ("comfyui", {Mode.POLL}, Cancel.BEST_EFFORT, {StepKind.IMAGE}),
        ("cog", {Mode.SYNC}, Cancel.NONE, {StepKind.IMAGE}),
    ],
)
def test_what_a_service_can_do_follows_from_its_description(
    name: str, modes: set[Mode], cancel: Cancel, steps: set[StepKind]
) -> None:
    able = capabilities_of(example_service(name))

    assert (able.modes, able.cancel, able.steps) == (modes, cancel, steps)


def test_a_service_says_how_long_its_answer_may_take() -> None:
    assert capabilities_of(example_service("cog")).submit_seconds == 300.0


def test_the_worked_example_of_the_page_works() -> None:
    page = (EXAMPLES_FOLDER.parents[1] / "docs" / "providers" / "http.md").read_text(encoding="utf-8")
    manifest = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])

    spec = MediaProviderSpec.model_validate(manifest["spec"])

    assert spec.http is not None
    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == manifest["spec"]
    assert compile_service(spec.http).read.keys() == {"jobId", "output", "error", "cost", "status"}
