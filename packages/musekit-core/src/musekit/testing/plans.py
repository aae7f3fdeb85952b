"""Plans for tests: give a space a tier, or all spaces another floor."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import grants, tiers
from musekit.products.owners import owner_of

_SYSTEM = Actor.system("tests")


def grant(host: Host, space_id: UUID, product: str, tier: str) -> None:
    """Give the owner of a space a tier, as the operator would."""
    with host.database.session(_SYSTEM) as session:
        grants.give(session, owner_of(session, space_id), product, tier, reason="a test")
    tiers.forget(host, [space_id])


def default_tier(host: Host, product: str, tier: str) -> None:
    """Let every space without a plan have a tier, as a product's own setting may."""
    for each in host.registry.contributions.values():
        products = each.items.get("products", [])
        products[:] = [
            replace(item, default_tier=tier) if item.key == product else item for item in products
        ]
    host.registry.refresh()
