"""What Argo CD makes of an object by the health check that we ship, in a Lua as bare as Argo CD's own.

Source: https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go (Lua 5.1, libraries package, base and table)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from lupa.lua51 import LuaRuntime

from support.controlplane import PROJECT

Json = dict[str, Any]

HEALTH_FILE = PROJECT / "examples" / "gitops" / "argocd" / "health.yaml"
CODES = frozenset({"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"})
"""What Argo CD accepts as a status; anything else it shows as Unknown."""
AGREEING = {
    "InProgress": {"Progressing", "Suspended"},
    "Current": {"Healthy"},
    "Failed": {"Degraded"},
    "Terminating": {"Progressing"},
}
"""By kstatus' word, what Argo CD may say of the same object."""
_BARE = """
for _, name in ipairs({"string", "math", "io", "os", "debug", "coroutine", "python"}) do _G[name] = nil end
getmetatable("").__index = nil
"""


@dataclass(frozen=True, slots=True)
class Health:
    """One verdict on one object."""

    status: str
    message: str


@cache
def checks() -> dict[str, str]:
    """Return the scripts by the keys of the ConfigMap argocd-cm."""
    found: dict[str, str] = yaml.safe_load(HEALTH_FILE.read_text(encoding="utf-8"))["data"]
    return found


def health(item: Json) -> Health:
    """Return what Argo CD would show for an object of one of our kinds."""
    group = item["apiVersion"].partition("/")[0]
    script = checks()[f"resource.customizations.health.{group}_{item['kind']}"]
    lua = LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute(_BARE)
    lua.globals().obj = lua.table_from(item, recursive=True)
    answer = dict(lua.execute(script))
    assert answer["status"] in CODES, answer
    assert isinstance(answer["message"], str), answer
    return Health(**answer)
