"""What the tiers of a product are: as its plugin declares them, or as the operator defines them.

The operator's definitions stand in the operator's row of ``organization_settings``, under
``<settings key of the product>.tierDefinitions``. Rows of organizations are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from musekit.declarations import Product, Tier
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.organizations.models import OrganizationSettings

_SYSTEM = Actor.system("tiers")
MEMBER = "tierDefinitions"
#: The scope of the operator's row.
OPERATOR = "operator"


def registered(host: Host, product: Product) -> tuple[Tier, ...]:
    """Return the tiers that plugins declare for a product, the lowest rank first."""
    found = tuple(each for each in host.registry.tiers if each.product == product.key)
    if found:
        return found
    key = product.default_tier
    return (Tier(product=product.key, key=key, label=key, rank=0, limits={}),)


def defined(host: Host, product: Product) -> tuple[tuple[Tier, ...], str]:
    """Return the tiers in force and where they come from, in words. Opens a unit of its own."""
    with host.database.session(_SYSTEM, readonly=True, single=True) as session:
        stored = session.scalar(
            select(OrganizationSettings.settings).where(OrganizationSettings.scope == OPERATOR)
        )
    own = (stored or {}).get(product.settings_key or product.key)
    raw = own.get(MEMBER) if isinstance(own, Mapping) else None
    if raw is None:
        return registered(host, product), "as the product declares them"
    try:
        return parse(product.key, raw), "as the operator has defined them"
    except ValueError as error:
        return registered(host, product), f"the operator's are not usable ({error})"


def parse(product: str, raw: Any) -> tuple[Tier, ...]:
    """Read definitions: a list of ``{"key", "label", "rank", "limits"}``, or a mapping by key.

    Raises:
        ValueError: with what is wrong; then none of them counts.
    """
    if isinstance(raw, Mapping):
        raw = [{"key": key, **_mapping(value, f"tier {key!r}")} for key, value in raw.items()]
    if not isinstance(raw, list) or not raw:
        raise ValueError("tier definitions are a list or a mapping, and not empty")
    tiers = [_tier(product, _mapping(each, "a tier"), place) for place, each in enumerate(raw, 1)]
    if len({each.key for each in tiers}) < len(tiers):
        raise ValueError("two tiers have the same key")
    if len({each.rank for each in tiers}) < len(tiers):
        raise ValueError("two tiers have the same rank")
    return tuple(sorted(tiers, key=lambda each: each.rank))


def _tier(product: str, given: Mapping[str, Any], place: int) -> Tier:
    key, rank = given.get("key"), given.get("rank", place)
    label = given.get("label", key)
    if not isinstance(key, str) or not key or not isinstance(label, str):
        raise ValueError("key and label of a tier are texts")
    if type(rank) is not int:
        raise ValueError(f"the rank of {key} is a whole number")
    limits = _mapping(given.get("limits", {}), f"limits of {key}")
    for name, value in limits.items():
        if value is not None and (type(value) is not int or value < 0):
            raise ValueError(f"the limit {name} of {key} is a whole number of 0 or more, or null")
    return Tier(product=product, key=key, label=label, rank=rank, limits=dict(limits))


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what}: not a mapping")  # noqa: TRY004 - it is data, not code
    return value
