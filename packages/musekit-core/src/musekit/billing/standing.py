"""Where an owner stands: which subscription of a product there is, and what it could become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.billing import customers, mirror
from musekit.billing.models import BillingPrice, BillingSubscription
from musekit.billing.sync import SYSTEM
from musekit.declarations import Tier
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import tiers
from musekit.products.owners import owner_of

#: Days of the intervals of prices, to tell the longer from the shorter.
DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
#: Of a subscription whose plan can be changed. Of others a payment is due first.
CHANGEABLE = ("trialing", "active")


@dataclass(frozen=True)
class Standing:
    """A running subscription of a product, as the mirror has it."""

    customer: UUID
    stripe_id: str
    subscription: str
    product: str
    status: str
    tier: str | None
    price_id: str
    days: int  #: of its interval
    next_price_id: str | None
    is_ending: bool


@dataclass(frozen=True)
class Wish:
    """A change that somebody wants: to which price, and whether it holds at once."""

    standing: Standing
    price: BillingPrice
    at_once: bool
    #: another interval begins a period of its own, and is paid at once
    anew: bool


def running(session: Session, customer: UUID, product: str) -> BillingSubscription | None:
    """Return the subscription of a product that goes on, the newest if there are several."""
    found = mirror.subscriptions_of(session, customer)
    return next(
        (each for each in found if each.product == product and each.status not in mirror.OVER), None
    )


def here(host: Host, actor: Actor, product: str) -> Standing:
    """Return where the owner of the actor's space stands with a product.

    Raises:
        ConflictError: there is no subscription of it.
    """
    assert actor.space_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        customer = customers.find(session, owner_of(session, actor.space_id))
        row = None if customer is None else running(session, customer.id, product)
        if customer is None or customer.stripe_id is None or row is None:
            raise ConflictError("There is no subscription of this. Nothing was changed.")
        return Standing(
            customer=customer.id, stripe_id=customer.stripe_id, subscription=row.id,
            product=product, status=row.status, tier=row.tier, price_id=row.price_id,
            days=length(row.interval, row.interval_count), next_price_id=row.next_price_id,
            is_ending=row.cancel_at_period_end or row.cancel_at is not None,
        )  # fmt: skip


def wanted(host: Host, actor: Actor, product: str, price_id: str) -> Wish:
    """Return what a change to a price means: more holds at once, less when the paid time is over.

    Raises:
        ConflictError: there is no subscription, it is this already, or a payment is due.
        NotFoundError: that price is not on sale.
    """
    standing = here(host, actor, product)
    if standing.status not in CHANGEABLE:
        raise ConflictError(
            "The last payment did not go through. Settle it under “Cards and invoices”, then"
            " change the plan. Nothing was changed."
        )
    with host.database.session(SYSTEM, readonly=True) as session:
        price = mirror.price_of(session, product, price_id)
        session.expunge(price)
    if price_id == standing.price_id:
        raise ConflictError("This is your plan already. Nothing was changed.")
    ranks = {each.key: each.rank for each in tiers.definitions(host, product)}
    days = length(price.interval, price.interval_count)
    more = _rank(ranks, price.tier) - _rank(ranks, standing.tier)
    at_once = standing.status == "trialing" or more > 0 or (more == 0 and days >= standing.days)
    return Wish(standing, price, at_once=at_once, anew=at_once and days != standing.days)


def length(interval: str, count: int) -> int:
    """Return the days of an interval, about."""
    return DAYS.get(interval, 30) * count


def label(definitions: Sequence[Tier], key: str | None) -> str:
    """Return what a tier is called; its key where nobody defines it."""
    return next((each.label for each in definitions if each.key == key), key or "")


def _rank(ranks: dict[str, int], tier: str | None) -> int:
    return ranks.get(tier or "", -1)
