"""What Helm, Flux and kubectl's own kstatus library make of an object's conditions.

Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_ABNORMAL = {"Reconciling": "InProgress", "Stalled": "Failed"}


def kstatus(item: Json) -> str:
    """Return Terminating, InProgress, Failed or Current."""
    if "deletionTimestamp" in item["metadata"]:
        return "Terminating"
    status = item.get("status", {})
    if status.get("observedGeneration", item["metadata"]["generation"]) != item["metadata"]["generation"]:
        return "InProgress"
    conditions = status.get("conditions", [])
    # In the order of the list: an object that says both is what it says first.
    for each in conditions:
        if each["type"] in _ABNORMAL and each["status"] == "True":
            return _ABNORMAL[each["type"]]
    states = {each["type"]: each["status"] for each in conditions}
    return "Current" if states.get("Ready", "True") == "True" else "InProgress"


def condition(item: Json, type_: str) -> Json:
    """Return a condition that is there; fails with those that are."""
    found = {each["type"]: each for each in item["status"].get("conditions", [])}
    assert type_ in found, f"no condition {type_}; there are {found}"
    result: Json = found[type_]
    return result


def is_true(item: Json | None, type_: str) -> bool:
    """Tell whether a condition is there and true."""
    conditions = (item or {}).get("status", {}).get("conditions", [])
    return any(each["type"] == type_ and each["status"] == "True" for each in conditions)


def has_ended(story: Json | None) -> bool:
    """Tell whether a story's newest generation is finished, for better or worse."""
    if story is None:
        return False
    status = story.get("status", {})
    current = status.get("observedGeneration") == story["metadata"]["generation"]
    return bool(current and status.get("phase") in ("Completed", "Failed"))
