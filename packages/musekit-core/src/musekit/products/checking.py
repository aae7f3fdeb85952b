"""Whether definitions of tiers can be used: each fault named with its place."""

from __future__ import annotations

from collections.abc import Sequence

from musekit.declarations import Product, Tier
from musekit.errors import InvalidError
from musekit.kernel.host import Host
from musekit.products.definitions import registered

#: Limits that the core itself reads, of whatever product, and what people call them.
OF_THE_CORE = {
    "spaces": "Spaces of an organization", "members": "Members of an organization",
    "ai_per_day": "AI answers a day", "ai_micros_per_month": "AI cost a month (millionths of a $)",
}  # fmt: skip
#: Of these a tier that leaves one out does not mean 0 by it; of every other limit it does.
MAY_BE_LEFT_OUT = ("spaces", "members", "ai_micros_per_month")
MOST_TIERS = 20
LONGEST = 60
#: A larger limit is meant to be none.
LARGEST = 10**12


def limit_names(host: Host, product: Product) -> tuple[str, ...]:
    """Return the limits that tiers of a product may have: those declared, and the core's own."""
    declared = [each.key for each in product.limits]
    used = [name for tier in registered(host, product) for name in tier.limits]
    return tuple(dict.fromkeys([*declared, *used, *OF_THE_CORE]))


def labels(host: Host, product: Product) -> dict[str, str]:
    """Return what each of those limits is called."""
    known = OF_THE_CORE | {each.key: each.label for each in product.limits}
    return {
        name: known.get(name, name.replace("_", " ").capitalize())
        for name in limit_names(host, product)
    }


def check(host: Host, product: Product, tiers: Sequence[Tier]) -> None:
    """Refuse definitions that could not be used as they are meant.

    Raises:
        InvalidError: with every fault; fields are ``tiers.<place>.<member>``, from 0.
    """
    names = limit_names(host, product)
    faults = [
        {"field": f"tiers.{place}.{member}", "message": message}
        for place, tier in enumerate(tiers)
        for member, message in _faults(tier, tiers[:place], names)
    ]
    if not 0 < len(tiers) <= MOST_TIERS:
        faults.append({"field": "tiers", "message": f"define 1 to {MOST_TIERS} tiers"})
    elif product.default_tier not in [each.key for each in tiers]:
        faults.append({
            "field": "tiers",
            "message": f"keep “{product.default_tier}”: it is what everybody has who has no other",
        })  # fmt: skip
    if faults:
        raise InvalidError("Nothing was changed.", errors=faults)


def _faults(tier: Tier, before: Sequence[Tier], names: Sequence[str]) -> list[tuple[str, str]]:
    found = [
        (member, message)
        for member, text in (("key", tier.key), ("label", tier.label))
        if (message := _text_fault(text))
    ]
    if " " in tier.key:
        found.append(("key", "a key has no blanks"))
    if tier.key in [each.key for each in before]:
        found.append(("key", "another tier has this key"))
    if tier.rank in [each.rank for each in before]:
        found.append(("rank", "another tier has this rank"))
    for name, value in tier.limits.items():
        if name not in names:
            found.append((f"limits.{name}", "is no limit of this product"))
        elif value is not None and not 0 <= value <= LARGEST:
            found.append((f"limits.{name}", "use a whole number of 0 or more, or “unlimited”"))
    return found


def _text_fault(text: str) -> str:
    if not text.strip():
        return "must not be empty"
    if len(text) > LONGEST or not text.isprintable():
        return f"use at most {LONGEST} plain characters"
    return ""
