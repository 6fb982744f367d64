"""Picks a lost attempt's prediction out of Replicate's list of them: by model, input and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from storyjob.api.outcome import Accepted, NoTrace, Trace
from storyjob.providers.answers import JsonObject
from storyjob.providers.base import Lost
from storyjob.providers.replicate_prediction import JOB_ID

PAGES = 5  # of 100 predictions each; an account that makes more in one window must be looked at by a person
LIST = "/v1/predictions"


def first_page(lost: Lost) -> str:
    """Return the path of the newest predictions of the time in which the attempt can have been taken."""
    window = {"created_after": _stamp(lost.since), "created_before": _stamp(lost.until)}
    return f"{LIST}?{urlencode(window)}"


def next_page(answer: JsonObject) -> str | None:
    """Return the path of the next page. Only the query of the link is believed, never its host."""
    link = answer.get("next")
    return f"{LIST}?{urlsplit(link).query}" if isinstance(link, str) and link else None


def candidates(answer: JsonObject, lost: Lost, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of predictions of a page that could be the attempt's: ``wanted`` is the input that was sent."""
    results = answer.get("results")
    for item in results if isinstance(results, list) else []:
        if not isinstance(item, dict) or not _is_of_model(item, lost.model):
            continue
        job_id, given = item.get("id"), item.get("input")
        if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id) or job_id in lost.taken:
            continue
        if isinstance(given, dict) and _without_files(given) == _without_files(wanted):
            yield job_id


def verdict(found: list[str], *, whole: bool) -> Trace:
    """Return the one prediction that was found, or why none can be named."""
    if not whole:
        return NoTrace(f"Replicate lists more than {PAGES * 100} predictions of that time: look for it by hand")
    if len(found) == 1:
        return Accepted(found[0])
    if found:
        return NoTrace(f"{len(found)} predictions of that time have the same model and input: {', '.join(found[:5])}")
    return NoTrace("Replicate lists no prediction of that time with this model and input")


def _is_of_model(item: JsonObject, model: str) -> bool:
    name, _, version = model.removeprefix("deployments/").partition(":")
    if version:
        return item.get("version") == version
    # A deployment's predictions name the model behind it, and the deployment only in a field of its own.
    return name in (item.get("model"), item.get("deployment"))


def _without_files(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out files: what was sent as a data URL may be listed as a link."""
    return {
        key: value
        for key, value in given.items()
        if not (isinstance(value, str) and value.startswith(("data:", "http://", "https://")))
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
