"""The tiers of PassivePost, which one a space has, and what it may use."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from musekit.api import Host, Tier
from musekit.api import tiers as plans

Allowance = plans.Allowance
PRODUCT = "passive-post"

#: The free floor first. A limit of None means unlimited. Posts are counted for each space, so how
#: many spaces an organization has is a limit, too.
TIERS = (
    Tier(
        product=PRODUCT,
        key="tier_1",
        label="Starter",
        rank=1,
        limits={
            "posts_per_day": 10, "posts_per_month": 100, "platforms": 3, "ai_per_day": 5,
            "spaces": 1, "members": 5,
        },
    ),
    Tier(
        product=PRODUCT,
        key="tier_2",
        label="Growth",
        rank=2,
        limits={
            "posts_per_day": 30, "posts_per_month": 600, "platforms": 8, "ai_per_day": 50,
            "spaces": 3, "members": 15,
        },
    ),
    Tier(
        product=PRODUCT,
        key="tier_3",
        label="Scale",
        rank=3,
        limits={
            "posts_per_day": 200, "posts_per_month": 5000, "platforms": None, "ai_per_day": 500,
            "spaces": 20, "members": None,
        },
    ),
)  # fmt: skip


def allowance(host: Host, space_id: UUID) -> Allowance:
    """Return what a space may use.

    It is looked up in units of work of its own: call this before opening one.
    """
    return plans.allowance(host, PRODUCT, space_id)


def allowances(host: Host, space_ids: Collection[UUID]) -> dict[UUID, Allowance]:
    """Return what each of many spaces may use, in few statements. Outside of units, too."""
    return plans.allowances(host, PRODUCT, space_ids)


def least_limit(host: Host, name: str) -> int | None:
    """Return the smallest limit that any tier has; None when all are unlimited.

    Definitions are looked up in a unit of work of its own, too.
    """
    limits = [tier.limits.get(name, 0) for tier in plans.definitions(host, PRODUCT)]
    return min((limit for limit in limits if limit is not None), default=None)
