"""Turns two statuses into the JSON patch that leads from one to the other, and touches nothing else."""

from __future__ import annotations

from typing import Any

from storyjob.api.resource import ApiModel
from storyjob.api.scene import SceneStatus

Operation = dict[str, Any]

SIDECARS_OWN = "callback"  # the sidecar writes this field of a step, the operator never does


def status_patch(before: SceneStatus, after: SceneStatus) -> list[Operation]:
    """Return the operations for a Scene's status: fields of a step one by one, so that a callback that arrives
    at the same moment is not overwritten."""
    old, new = _wire(before), _wire(after)
    old_steps, new_steps = old.pop("steps", None), new.pop("steps", {})
    operations = _steps_patch(old_steps, new_steps)
    return operations + object_patch("/status", old, new)


def _steps_patch(old: dict[str, Any] | None, new: dict[str, Any]) -> list[Operation]:
    if old is None:
        return [{"op": "add", "path": "/status/steps", "value": new}] if new else []
    operations: list[Operation] = []
    for kind, step in new.items():
        path, known = f"/status/steps/{kind}", old.get(kind)
        if known is None or known.get("tokenHash") != step.get("tokenHash"):
            if known != step:
                operations.append({"op": "add", "path": path, "value": step})
        else:
            operations += object_patch(path, known, step, keep=SIDECARS_OWN)
    return operations


def object_patch(path: str, old: dict[str, Any], new: dict[str, Any], *, keep: str | None = None) -> list[Operation]:
    """Return the operations that make the members of the object at ``path`` equal to ``new``."""
    operations: list[Operation] = [
        {"op": "add", "path": f"{path}/{name}", "value": value}
        for name, value in new.items()
        if name != keep and old.get(name) != value
    ]
    operations += [{"op": "remove", "path": f"{path}/{name}"} for name in old if name not in new and name != keep]
    return operations


def _wire(status: ApiModel) -> dict[str, Any]:
    """Return what of a status the API server holds: what was never set there is left out."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
