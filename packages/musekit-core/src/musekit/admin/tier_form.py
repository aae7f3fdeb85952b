"""The editor of tiers: what its form says, read into tiers, and shown again as it was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from musekit.declarations import Product, Tier
from musekit.errors import InvalidError
from musekit.products import checking, definitions

#: What stands in a field for no limit.
UNLIMITED = "unlimited"


class Fields(BaseModel):
    """The editor's form: one value per tier in each list; limits row by row, as `name` says."""

    seen: str = ""
    key: list[str] = []
    label: list[str] = []
    rank: list[str] = []
    name: list[str] = []
    limit: list[str] = []
    gone: list[int] = []  #: places of tiers to take away


class Row(NamedTuple):
    """A tier in the editor, as texts."""

    key: str
    label: str
    rank: str
    limits: Mapping[str, str]  #: empty: the tier leaves it out


def rows_from(chosen: Sequence[Tier]) -> list[Row]:
    """Return tiers as the editor shows them first."""
    return [
        Row(
            each.key, each.label, str(each.rank),
            {name: UNLIMITED if most is None else str(most) for name, most in each.limits.items()},
        )
        for each in chosen
    ]  # fmt: skip


def rows_of(form: Fields) -> list[Row]:
    """Return the tiers of a form as they were typed; a new one with empty fields only is none.

    Raises:
        InvalidError: fields are missing.
    """
    width, rows = len(form.name), len(form.key)
    if not len(form.label) == len(form.rank) == rows or len(form.limit) != rows * width:
        raise InvalidError("The form was not complete. Nothing was changed; open it again.")
    found = []
    for place in range(rows):
        texts = [values[place].strip() for values in (form.key, form.label, form.rank)]
        given = [each.strip() for each in form.limit[place * width : (place + 1) * width]]
        if place not in form.gone and any((*texts, *given)):
            limits = dict(zip(form.name, given, strict=True))
            found.append(Row(texts[0], texts[1], texts[2], limits))
    return found


def read(product: Product, rows: Sequence[Row]) -> tuple[Tier, ...]:
    """Return the tiers that the editor says.

    Raises:
        InvalidError: a field holds no number; ``tiers.<place>.<member>``.
    """
    found, faults = [], []
    for at, row in enumerate(rows):
        limits: dict[str, int | None] = {}
        for name, text in row.limits.items():
            if text.casefold() == UNLIMITED:
                limits[name] = None
            elif _is_number(text):
                limits[name] = int(text)
            elif text:
                message = f"use a whole number of 0 or more, or “{UNLIMITED}”"
                faults.append({"field": f"tiers.{at}.limits.{name}", "message": message})
        if not _is_number(row.rank):
            faults.append({"field": f"tiers.{at}.rank", "message": "use a whole number"})
        rank = int(row.rank) if _is_number(row.rank) else 0
        label = row.label or row.key
        found.append(Tier(product=product.key, key=row.key, label=label, rank=rank, limits=limits))
    if faults:
        raise InvalidError("Nothing was changed.", errors=faults)
    return tuple(found)


def from_json(product: Product, text: str) -> tuple[Tier, ...] | None:
    """Return the tiers that a preview has shown; None for the product's own. InvalidError."""
    try:
        raw = json.loads(text)
        return None if raw is None else definitions.parse(product.key, raw)
    except (ValueError, RecursionError):
        raise InvalidError("These definitions cannot be read. Nothing was changed.") from None


def shown(tier: Tier, name: str) -> str:
    """Return a limit of a tier as people read it; a dash where the tier does not speak of it."""
    if name not in tier.limits:
        return "–" if name in checking.MAY_BE_LEFT_OUT else "0"
    most = tier.limits[name]
    return UNLIMITED if most is None else f"{most:,}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15
