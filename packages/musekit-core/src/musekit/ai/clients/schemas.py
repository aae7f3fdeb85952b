"""Shapes of answers, as model services take them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

#: What strict modes do not know (OpenAI and Anthropic, November 2026); pydantic checks it anyway.
_UNKNOWN = ("default", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
            "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems",
            "uniqueItems", "title", "examples")  # fmt: skip


def strict(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model for strict modes.

    Every member is required, others are forbidden, and what those modes do not know is left out.
    """
    made = _strict(model.model_json_schema())
    assert isinstance(made, dict)
    return made


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("properties"), dict):
        members = {name: _strict(each) for name, each in node["properties"].items()}
        rest = {
            name: _strict(each)
            for name, each in node.items()
            if name not in _UNKNOWN and name != "properties"
        }
        return rest | {
            "properties": members, "required": list(members), "additionalProperties": False
        }  # fmt: skip
    if isinstance(node.get("$defs"), dict):
        return {name: _strict(each) for name, each in node.items() if name not in _UNKNOWN}
    return {
        name: each if name in {"enum", "const", "required"} else _strict(each)
        for name, each in node.items()
        if name not in _UNKNOWN
    }
