"""Makes the CustomResourceDefinitions from the models, so that the two cannot differ. Pure."""

from __future__ import annotations

from typing import Any

from storyjob.api.extensions import VALIDATIONS
from storyjob.api.kind import CATEGORY, Column, Kind
from storyjob.api.resource import GROUP, VERSION
from storyjob.api.structural import Schema, structural

# A tool that waits for health takes an object without any status for healthy; with this it looks unobserved.
STATUS_DEFAULT = {"observedGeneration": -1}


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """Return the manifest (apiextensions.k8s.io/v1) of one kind. Raises ``SchemaError``."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": [CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": object_schema(kind)},
                }
            ],
        },
    }


def object_schema(kind: Kind) -> Schema:
    """Return the structural schema of a whole object. Metadata is the API server's own."""
    model = kind.model.model_json_schema()
    parts, definitions = model["properties"], {"$defs": model["$defs"]}
    status = structural(parts["status"] | definitions, defaults=False)
    status["default"] = STATUS_DEFAULT
    schema: Schema = {
        "description": model["description"],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Always {kind.name}."},
            "metadata": {"type": "object"},
            "spec": structural(parts["spec"] | definitions),
            "status": status,
        },
    }
    return schema | {key: model[key] for key in (VALIDATIONS,) if key in model}


def _column(column: Column) -> dict[str, Any]:
    manifest = {
        "name": column.name,
        "type": column.type,
        "description": column.description,
        "jsonPath": column.path,
    }
    return manifest | ({"priority": 1} if column.wide else {})
