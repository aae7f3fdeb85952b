"""Writing what Stripe has into our mirror of it, and reading the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.billing.fetching import Row
from musekit.billing.inserting import insert
from musekit.billing.models import BillingCheckout, BillingPrice, BillingSubscription
from musekit.errors import NotFoundError
from musekit.kernel.database.types import utc_now

#: Of a subscription for which the tier may hold.
ALIVE = ("trialing", "active", "past_due")
#: Of a subscription for which nothing is paid any more, or never was.
OVER = ("canceled", "incomplete", "incomplete_expired")


def put_subscriptions(session: Session, customer: UUID, rows: Sequence[Row]) -> None:
    """Make the mirror of a customer's subscriptions what was fetched."""
    now = utc_now()
    known = {
        row.id: row.past_due_since
        for row in session.execute(
            select(BillingSubscription.id, BillingSubscription.past_due_since).where(
                BillingSubscription.customer_id == customer
            )
        )
    }
    for row in rows:
        late = row["status"] == "past_due"
        row |= {
            "customer_id": customer, "updated_at": now,
            "past_due_since": (known.get(row["id"]) or now) if late else None,
        }  # fmt: skip
        _upsert(session, BillingSubscription, row)
    gone = known.keys() - {row["id"] for row in rows}
    if gone:
        session.execute(delete(BillingSubscription).where(BillingSubscription.id.in_(gone)))
    bought = {row["product"] for row in rows if row["status"] in ALIVE}
    session.execute(
        update(BillingCheckout)
        .where(
            BillingCheckout.customer_id == customer, BillingCheckout.state.in_(("asked", "open")),
            BillingCheckout.product.in_(bought),
        )
        .values(state="done")
    )  # fmt: skip


def put_prices(session: Session, rows: Sequence[Row]) -> None:
    """Make the mirror of what is on sale what was fetched; what is gone is kept, and not sold."""
    for row in rows:
        _upsert(session, BillingPrice, row | {"synced_at": utc_now()})
    session.execute(
        update(BillingPrice)
        .where(BillingPrice.id.not_in([row["id"] for row in rows]))
        .values(active=False)
    )


def subscriptions_of(session: Session, customer: UUID) -> Sequence[BillingSubscription]:
    """Return a customer's subscriptions, the newest first."""
    return session.scalars(
        select(BillingSubscription)
        .where(BillingSubscription.customer_id == customer)
        .order_by(BillingSubscription.stripe_created.desc(), BillingSubscription.id)
    ).all()


def goes_on(row: BillingSubscription) -> bool:
    """True for a subscription that will cost again: it runs, and nobody has cancelled it."""
    return row.status not in OVER and not row.cancel_at_period_end and row.cancel_at is None


def products_of(session: Session, customer: UUID) -> set[str]:
    """Return the products that a customer's subscriptions are of."""
    found = session.scalars(
        select(BillingSubscription.product).where(BillingSubscription.customer_id == customer)
    )
    return {each for each in found if each is not None}


def on_sale(session: Session) -> Sequence[BillingPrice]:
    """Return the prices that can be bought here, by product, the lowest first."""
    return session.scalars(
        select(BillingPrice)
        .where(
            BillingPrice.active, BillingPrice.product.is_not(None), BillingPrice.tier.is_not(None)
        )
        .order_by(BillingPrice.product, BillingPrice.unit_amount, BillingPrice.id)
    ).all()


def price_of(session: Session, product: str, price_id: str) -> BillingPrice:
    """Return a price by which a plan of a product can be bought; NotFoundError if it is none."""
    found = session.get(BillingPrice, price_id)
    if found is None or not found.active or found.product != product or found.tier is None:
        raise NotFoundError("That plan is not on sale here. Choose one of the list.")
    return found


def _upsert(session: Session, model: Any, row: Row) -> None:
    session.execute(
        insert(session, model)
        .values(row)
        .on_conflict_do_update(
            index_elements=["id"], set_={k: v for k, v in row.items() if k != "id"}
        )
    )
