"""What the database says of plans of spaces, in one statement: grants, and subscriptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Text, and_, bindparam, literal, null, or_, select, union_all

from musekit.billing.models import BillingCustomer, BillingSubscription
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import UtcDateTime, utc_now
from musekit.kernel.host import Host
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner
from musekit.spaces.models import Space

_SYSTEM = Actor.system("tiers")
#: Of a subscription that is paid for, or tried out.
LIVE = ("trialing", "active")
#: Spaces asked for in one statement: each stands in it three times.
AT_ONCE = 1000


class Subscribed(NamedTuple):
    """A subscription of the owner: the tier its metadata names, and whether it is paid for."""

    tier: str | None
    status: str
    past_due_since: datetime | None


class Sources(NamedTuple):
    """What is known of a space's plan of a product."""

    owner: Owner
    granted: str | None
    reason: str
    subscriptions: Sequence[Subscribed]


def read(host: Host, product: str, space_ids: Sequence[UUID]) -> Mapping[UUID, Sources]:
    """Return it of each space that there is. Opens a unit of its own."""
    rows: dict[UUID, list[Any]] = defaultdict(list)
    for start in range(0, len(space_ids), AT_ONCE):
        given = list(space_ids[start : start + AT_ONCE])
        values = {"spaces": given, "product": product, "now": utc_now()}
        with host.database.session(_SYSTEM, readonly=True, single=True) as session:
            for row in session.execute(_statement(), values):
                rows[row.id].append(row)
    return {space_id: _sources(found) for space_id, found in rows.items()}


def _sources(rows: Sequence[Any]) -> Sources:
    user_id, organization_id = rows[0].personal_user_id, rows[0].organization_id
    owner = Owner(None, organization_id) if organization_id is not None else Owner(user_id)
    granted = next((row for row in rows if row.source == "grant"), None)
    return Sources(
        owner,
        granted.tier if granted is not None else None,
        granted.word if granted is not None else "",
        [Subscribed(row.tier, row.word, row.at) for row in rows if row.source == "subscription"],
    )


@cache
def _statement() -> Any:
    """Return the spaces with each of their owners' grants and subscriptions; made once."""
    now, product = bindparam("now", type_=UtcDateTime), bindparam("product", type_=Text)
    here = Space.id.in_(bindparam("spaces", expanding=True))
    owner = (Space.id, Space.personal_user_id, Space.organization_id)
    nothing = (literal("nothing").label("source"), null().label("tier"), null().label("word"),
               null().cast(UtcDateTime).label("at"))  # fmt: skip
    grant = (
        select(
            *owner, literal("grant"), ProductGrant.tier, ProductGrant.reason,
            null().cast(UtcDateTime),
        )
        .join(
            ProductGrant,
            or_(
                ProductGrant.organization_id == Space.organization_id,
                and_(
                    Space.organization_id.is_(None), ProductGrant.user_id == Space.personal_user_id
                ),
            ),
        )
        .where(
            here,
            ProductGrant.product == product,
            ProductGrant.starts_at <= now,
            or_(ProductGrant.ends_at.is_(None), ProductGrant.ends_at > now),
        )
    )  # fmt: skip
    subscription = (
        select(
            *owner, literal("subscription"), BillingSubscription.tier, BillingSubscription.status,
            BillingSubscription.past_due_since,
        )
        .join(
            BillingCustomer,
            or_(
                BillingCustomer.organization_id == Space.organization_id,
                and_(
                    Space.organization_id.is_(None),
                    BillingCustomer.user_id == Space.personal_user_id,
                ),
            ),
        )
        .join(BillingSubscription, BillingSubscription.customer_id == BillingCustomer.id)
        .where(
            here,
            BillingSubscription.product == product,
            BillingSubscription.status.in_((*LIVE, "past_due")),
        )
    )  # fmt: skip
    return union_all(select(*owner, *nothing).where(here), grant, subscription)
