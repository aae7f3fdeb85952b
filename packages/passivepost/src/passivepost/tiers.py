"""The tiers of PassivePost, which one a space has, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from musekit.api import Host, Tier
from passivepost.settings import PassivePostSettings

PRODUCT = "passive-post"

#: The free floor first. A limit of None means unlimited.
TIERS = (
    Tier(
        product=PRODUCT,
        key="tier_1",
        label="Starter",
        rank=1,
        limits={"posts_per_day": 10, "posts_per_month": 100, "platforms": 3, "ai_per_day": 5},
    ),
    Tier(
        product=PRODUCT,
        key="tier_2",
        label="Growth",
        rank=2,
        limits={"posts_per_day": 30, "posts_per_month": 600, "platforms": 8, "ai_per_day": 50},
    ),
    Tier(
        product=PRODUCT,
        key="tier_3",
        label="Scale",
        rank=3,
        limits={
            "posts_per_day": 200, "posts_per_month": 5000, "platforms": None, "ai_per_day": 500,
        },
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """The tier of a space and the next one up, for limits and for what to say about them."""

    tier: Tier
    upgrade: Tier | None

    def limit(self, name: str) -> int | None:
        """Return a limit; None is unlimited. A limit the tier does not name is 0."""
        return self.tier.limits.get(name, 0)


def allowance(host: Host, space_id: UUID) -> Allowance:
    """Return what a space may use; a tier nobody knows gives the free floor.

    Plugins answer from units of work of their own: call this before opening one.
    """
    tiers = _tiers(host)
    key = host.registry.hooks.resolve_tier(host=host, product=PRODUCT, space_id=space_id)
    key = key or host.settings_of(PassivePostSettings).default_tier
    tier = next((each for each in tiers if each.key == key), tiers[0])
    above = next((each for each in tiers if each.rank > tier.rank), None)
    return Allowance(tier=tier, upgrade=above)


def least_limit(host: Host, name: str) -> int | None:
    """Return the smallest limit that any tier has; None when all are unlimited."""
    limits = [tier.limits.get(name, 0) for tier in _tiers(host)]
    return min((limit for limit in limits if limit is not None), default=None)


def _tiers(host: Host) -> list[Tier]:
    tiers = [each for each in host.registry.tiers if each.product == PRODUCT] or list(TIERS)
    return sorted(tiers, key=lambda each: each.rank)
