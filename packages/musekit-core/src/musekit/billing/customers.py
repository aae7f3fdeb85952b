"""Who pays, here and at Stripe."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from musekit.billing.inserting import insert
from musekit.billing.models import BillingCustomer
from musekit.kernel.database.types import utc_now
from musekit.kernel.ids import new_id
from musekit.products.owners import Owner

#: The name under which a customer's metadata at Stripe holds our id.
METADATA = "musekit_customer"


def find(session: Session, owner: Owner) -> BillingCustomer | None:
    """Return the customer of an owner, if they ever began to buy something.

    Nobody is nobody's customer: rows without an owner are of people who are gone.
    """
    if not any(owner):
        return None
    return session.scalars(select(BillingCustomer).where(owner.owns(BillingCustomer))).one_or_none()


def of(session: Session, owner: Owner, email: str) -> BillingCustomer:
    """Return the customer of an owner; made at the first time, once however many ask at once.

    Args:
        email: where Stripe sends receipts, of who buys.
    """
    session.execute(
        insert(session, BillingCustomer)
        .values(
            id=new_id(), user_id=owner.user_id, organization_id=owner.organization_id,
            email=email, sync_requested=0, sync_done=0, created_at=utc_now(),
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    found = find(session, owner)
    assert found is not None
    return found


def request_sync(session: Session, *, stripe_id: str | None = None, row: UUID | None = None) -> int:
    """Ask for a customer's subscriptions to be fetched anew; return how many customers it hit.

    Ring ``billing-sync`` after the commit. It counts: what is asked for while a fetch is under way
    is fetched once more after it.
    """
    which = BillingCustomer.stripe_id == stripe_id if row is None else BillingCustomer.id == row
    return len(
        session.execute(
            update(BillingCustomer)
            .where(which)
            .values(sync_requested=BillingCustomer.sync_requested + 1)
            .returning(BillingCustomer.id)
            .execution_options(synchronize_session=False)
        ).all()
    )
