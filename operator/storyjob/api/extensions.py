"""What Kubernetes schemas can say and JSON schemas cannot, to be written beside the model that it guards.

Each function returns what pydantic's ``json_schema_extra`` takes, on a field or in a ``model_config``.
Sources: the CustomResourceDefinition reference of kubernetes.io and its page on CEL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

VALIDATIONS = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"

Extra: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL expression over ``self`` that must be true.

    Keep it linear in the size of ``self``: the API server refuses a CRD whose worst case is too dear.
    """

    expression: str
    message: str
    """Names the field and the remedy; kubectl shows it as it is."""
    field: str | None = None
    """The field below ``self`` to blame, such as ``.dependsOn``; ``self`` when absent."""

    def manifest(self) -> JsonValue:
        """Return the rule as a CRD spells it."""
        rule: Extra = {"rule": self.expression, "message": self.message}
        return rule | ({"fieldPath": self.field} if self.field else {})


def rules(*guards: Rule) -> Extra:
    """Return the CEL rules of a model or field."""
    return {VALIDATIONS: [guard.manifest() for guard in guards]}


def instead_of_pattern(guard: Rule) -> Extra:
    """Return a rule that says in words what the pattern of a field, which kubectl would show, says in signs."""
    return {"pattern": None} | rules(guard)


def immutable(message: str) -> Extra:
    """Return the rule that a field keeps the value that it was created with."""
    return rules(Rule("self == oldSelf", message))


def list_map(*keys: str) -> Extra:
    """Return the mark of a list whose items are found, merged and kept apart by ``keys``."""
    return {LIST_TYPE: "map", LIST_MAP_KEYS: list(keys)}


def list_set() -> Extra:
    """Return the mark of a list of scalars in which none stands twice."""
    return {LIST_TYPE: "set"}
