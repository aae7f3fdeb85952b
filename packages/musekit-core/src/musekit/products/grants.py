"""Tiers given by hand: the first step of the chain."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from musekit.errors import InvalidError
from musekit.kernel.database.types import utc_now
from musekit.products.models import ProductGrant
from musekit.products.owners import Owner


def give(
    session: Session,
    owner: Owner,
    product: str,
    tier: str,
    *,
    reason: str = "",
    by: UUID | None = None,
    ends_at: datetime | None = None,
) -> ProductGrant:
    """Give an owner a tier of a product, in place of what was given before. Runs as the system.

    Args:
        by: the user who gives it; None: the system.
        ends_at: when it ends by itself; None: when it is taken back.

    Raises:
        InvalidError: it would have ended already, or there is nobody to give it to.
    """
    now = utc_now()
    if ends_at is not None and ends_at <= now:
        raise InvalidError(
            "Nothing was given.", errors=[{"field": "ends_at", "message": "choose a later time"}]
        )
    if owner == Owner():
        raise InvalidError("This space belongs to nobody who could be given a tier.")
    row = session.scalars(
        select(ProductGrant)
        .where(ProductGrant.product == product, owner.owns(ProductGrant))
        .with_for_update()
    ).one_or_none()
    if row is None:
        row = ProductGrant(
            product=product, user_id=owner.user_id, organization_id=owner.organization_id
        )
        session.add(row)
    row.tier, row.reason, row.granted_by = tier, reason, by
    row.starts_at, row.ends_at = now, ends_at
    session.flush()
    return row


def take_back(session: Session, owner: Owner, product: str) -> bool:
    """Take a given tier back; False if there was none. Runs as the system."""
    taken = session.scalars(
        delete(ProductGrant)
        .where(ProductGrant.product == product, owner.owns(ProductGrant))
        .returning(ProductGrant.id)
    ).all()
    return bool(taken)
