"""Doing once more what an event asked for: its customer, or the catalogue, is fetched again.

That is safe at any time and any number of times, for nothing is taken from the event itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from musekit.billing import customers
from musekit.billing.models import BillingCustomer, StripeEvent
from musekit.errors import ConflictError, NotFoundError

_ID = re.compile(r"[A-Za-z0-9_]{1,255}")


def is_id(text: str) -> bool:
    """Say whether a text looks like an id of Stripe's; others are not asked for."""
    return _ID.fullmatch(text) is not None


def replay(session: Session, event_id: str) -> StripeEvent:
    """Have an event be settled anew; ring ``billing-events`` and ``billing-sync`` afterwards.

    Raises:
        NotFoundError: there is no such event in the ledger.
        ConflictError: it was never for us: another account, the other mode, or no concern of ours.
    """
    row = session.get(StripeEvent, event_id) if is_id(event_id) else None
    if row is None:
        raise NotFoundError("There is no such event here; old ones are swept away.")
    if row.state == "ignored" and row.customer is None:
        raise ConflictError("This event is of no concern here. There is nothing to do once more.")
    row.state, row.error, row.processed_at = "received", None, None
    if row.customer is not None:
        customers.request_sync(session, stripe_id=row.customer)
    return row


def request_all(session: Session) -> int:
    """Ask for every customer to be fetched; return how many."""
    return len(
        session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.stripe_id.is_not(None))
            .values(
                sync_requested=BillingCustomer.sync_requested + 1, sync_until=None, sync_owner=None
            )
            .returning(BillingCustomer.id)
            .execution_options(synchronize_session=False)
        ).all()
    )


def request_one(session: Session, which: str) -> UUID:
    """Ask for one customer to be fetched, by ``cus_…``, our id or the address.

    Raises:
        NotFoundError: there is none, or several have that address.
    """
    conditions = [BillingCustomer.stripe_id == which, BillingCustomer.email == which]
    try:
        conditions.append(BillingCustomer.id == UUID(which))
    except ValueError:
        pass
    found = session.scalars(select(BillingCustomer.id).where(or_(*conditions))).all()
    if len(found) != 1:
        raise NotFoundError(
            f"There is no customer {which}." if not found
            else f"{len(found)} customers have the address {which}; name one by cus_…."
        )  # fmt: skip
    session.execute(
        update(BillingCustomer)
        .where(BillingCustomer.id == found[0])
        .values(sync_until=None, sync_owner=None)
    )
    customers.request_sync(session, row=found[0])
    return found[0]


def requested(session: Session, ids: Iterable[str]) -> list[StripeEvent]:
    """Have several events be settled anew. Raises as `replay`, and then none is."""
    return [replay(session, each) for each in ids]


def latest(session: Session, *, state: str = "all", limit: int = 50) -> Sequence[StripeEvent]:
    """Return the latest events, of one state or of all."""
    query = select(StripeEvent)
    if state != "all":
        query = query.where(StripeEvent.state == state)
    return session.scalars(
        query.order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc()).limit(limit)
    ).all()


def among(session: Session, ids: Iterable[str]) -> Sequence[StripeEvent]:
    """Return events by their ids."""
    return session.scalars(
        select(StripeEvent).where(StripeEvent.id.in_(list(ids))).order_by(StripeEvent.id)
    ).all()
