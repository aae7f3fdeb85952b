"""Stripe's form encoding: ``items[0][price]=price_1`` is a list of mappings."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def decoded(text: str) -> dict[str, Any]:
    """Return the nested values of a form or a query."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, *rest = [name.partition("[")[0], *_PART.findall(name)]
        place, key = found, head
        for part in rest:
            place = place.setdefault(key, {})
            key = part or str(len(place))
        place[key] = {"true": True, "false": False}.get(value, value)
    return {key: _listed(value) for key, value in found.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
