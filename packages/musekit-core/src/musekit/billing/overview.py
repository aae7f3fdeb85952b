"""What the pages of billing show of a space: per product the plan, its use, and the payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.billing import catalogue, customers, mirror, standing
from musekit.billing.catalogue import Shelf
from musekit.billing.models import BillingPrice, BillingSubscription
from musekit.billing.money import every, money
from musekit.billing.settings import BillingSettings
from musekit.billing.sync import SYSTEM
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products import service
from musekit.products.owners import owner_of
from musekit.products.schemas import PlanOut


@dataclass(frozen=True)
class Paid:
    """A subscription in words and amounts."""

    id: str
    status: str
    tier: str | None
    plan: str
    price_id: str
    amount: str
    every: str
    until: datetime | None  #: end of the paid time
    trial_end: datetime | None
    is_ending: bool
    ends_at: datetime | None
    next_plan: str
    next_price_id: str | None
    changes_at: datetime | None


@dataclass(frozen=True)
class Line:
    """A product: what is on sale of it, what the space has, and how that is paid."""

    shelf: Shelf
    plan: PlanOut
    paid: Paid | None
    #: a trial is for who never had a subscription of anything here
    may_try: bool


@dataclass(frozen=True)
class Overview:
    """All of it."""

    configured: bool
    has_bought: bool  #: there is something to see on Stripe's own page
    lines: list[Line]


def of_space(host: Host, actor: Actor) -> Overview:
    """Return what there is of the actor's space. Opens units of its own; asks nobody else."""
    assert actor.space_id is not None
    shelves = {each.product.key: each for each in catalogue.shelves(host)}
    plans = service.plans(host, actor.space_id)
    paid: dict[str, Paid] = {}
    with host.database.session(SYSTEM, readonly=True) as session:
        customer = customers.find(session, owner_of(session, actor.space_id))
        had = customer is not None and bool(mirror.subscriptions_of(session, customer.id))
        for plan in plans:
            found = _paid(session, shelves[plan.product], customer.id) if customer else None
            if found is not None:
                paid[plan.product] = found
        has_bought = customer is not None and customer.stripe_id is not None
    return Overview(
        configured=host.settings_of(BillingSettings).is_configured, has_bought=has_bought,
        lines=[
            Line(shelves[each.product], each, paid.get(each.product), not had) for each in plans
        ],
    )  # fmt: skip


def _paid(session: Session, shelf: Shelf, customer: UUID) -> Paid | None:
    row = standing.running(session, customer, shelf.product.key)
    if row is None:
        return None
    coming = session.get(BillingPrice, row.next_price_id) if row.next_price_id else None
    return shown(row, shelf, coming)


def shown(row: BillingSubscription, shelf: Shelf, coming: BillingPrice | None) -> Paid:
    """Return a subscription as pages show it."""
    defined = [each.tier for each in shelf.plans]
    total = None if row.unit_amount is None else row.unit_amount * row.quantity
    is_ending = row.cancel_at_period_end or row.cancel_at is not None
    return Paid(
        id=row.id, status=row.status, tier=row.tier, plan=standing.label(defined, row.tier),
        price_id=row.price_id, amount=money(total, row.currency),
        every=every(row.interval, row.interval_count), until=row.current_period_end,
        trial_end=row.trial_end if row.status == "trialing" else None, is_ending=is_ending,
        ends_at=(row.cancel_at or row.current_period_end) if is_ending else None,
        next_plan=standing.label(defined, coming.tier) if coming is not None else "",
        next_price_id=row.next_price_id, changes_at=row.changes_at,
    )  # fmt: skip
