"""What billing keeps of a person, for their export. What organizations pay is theirs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.billing import customers, mirror
from musekit.billing.models import BillingCheckout
from musekit.products.owners import Owner


def of_user(session: Session, user_id: UUID) -> dict[str, Any]:
    """Return it, JSON-ready; empty for somebody who never began to buy."""
    customer = customers.find(session, Owner(user_id))
    if customer is None:
        return {}
    begun = session.scalars(
        select(BillingCheckout)
        .where(BillingCheckout.customer_id == customer.id)
        .order_by(BillingCheckout.created_at, BillingCheckout.id)
    )
    return {
        "customer_at_stripe": customer.stripe_id, "email": customer.email,
        "since": customer.created_at.isoformat(),
        "subscriptions": [
            {"id": each.id, "product": each.product, "tier": each.tier, "status": each.status,
             "unit_amount": each.unit_amount, "currency": each.currency,
             "interval": each.interval, "began": each.stripe_created.isoformat(),
             "ended": each.ended_at.isoformat() if each.ended_at else None}
            for each in mirror.subscriptions_of(session, customer.id)
        ],
        "purchases_begun": [
            {"product": each.product, "price": each.price_id, "state": each.state,
             "at": each.created_at.isoformat()}
            for each in begun
        ],
    }  # fmt: skip
