"""Events that no fetch has settled: of customers unknown so far, or about what is on sale."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from musekit.billing import customers, events, mirror, sync
from musekit.billing.client import client_of
from musekit.billing.models import (
    BillingCheckout,
    BillingCustomer,
    BillingSubscription,
    StripeEvent,
)
from musekit.billing.settings import BillingSettings
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host

logger = logging.getLogger(__name__)
#: The job.
JOB = "billing-events"
#: Customers are fetched this often without being told of: webhooks that never came are made up for.
STALE = timedelta(hours=24)
#: How many of them in one run.
BATCH = 20


def settle(host: Host) -> int:
    """Settle events that are left over; return how many. Stripe away: they wait for the next run.

    A customer we do not know is asked for: one that we made names us in its metadata, and its
    answer with the id may have been lost. Of others the events are ignored.
    """
    import stripe

    with host.database.session(sync.SYSTEM, readonly=True) as session:
        waiting = [(each.id, each.type, each.customer) for each in events.waiting(session)]
    settled, known = 0, dict[str, bool]()
    try:
        if any(kind.startswith(events.ABOUT_CATALOGUE) for _, kind, _ in waiting):
            sync.catalogue(host)
        for key, kind, customer in waiting:
            if kind.startswith(events.ABOUT_CATALOGUE):
                state = "done"
            elif customer is None:
                state = "ignored"
            else:
                if customer not in known:
                    known[customer] = _adopted(host, customer)
                state = "received" if known[customer] else "ignored"
            settled += _mark(host, key, state)
    except stripe.StripeError as error:
        logger.warning("Stripe could not be asked: %s", type(error).__name__)
    if any(known.values()):
        host.broker.enqueue(sync.JOB)
    return settled


def refresh(host: Host) -> int:
    """Ask for customers that nobody has asked for in a day; return how many. Asks no network.

    Checkouts that were never paid end here, too.
    """
    with host.database.session(sync.SYSTEM) as session:
        session.execute(
            update(BillingCheckout)
            .where(
                BillingCheckout.state.in_(("asked", "open")),
                BillingCheckout.expires_at < utc_now(),
            )
            .values(state="expired")
        )
        paying = select(BillingSubscription.customer_id).where(
            BillingSubscription.status.not_in(mirror.OVER)
        )
        stale = session.scalars(
            select(BillingCustomer.id)
            .where(
                BillingCustomer.id.in_(paying),
                BillingCustomer.synced_at < utc_now() - STALE,
                BillingCustomer.sync_requested <= BillingCustomer.sync_done,
            )
            .limit(BATCH)
        ).all()
        for each in stale:
            customers.request_sync(session, row=each)
    if stale:
        host.broker.enqueue(sync.JOB)
    return len(stale)


def sweep(host: Host) -> int:
    """Delete events that were settled longer ago than ``MUSEKIT_BILLING_EVENT_DAYS``."""
    old = utc_now() - timedelta(days=host.settings_of(BillingSettings).event_days)
    with host.database.session(sync.SYSTEM) as session:
        return len(
            session.execute(
                delete(StripeEvent)
                .where(StripeEvent.received_at < old, StripeEvent.state != "received")
                .returning(StripeEvent.id)
                .execution_options(synchronize_session=False)
            ).all()
        )


def _adopted(host: Host, customer: str) -> bool:
    """Say whether a customer at Stripe is one of ours; take up its id if we lost it."""
    with host.database.session(sync.SYSTEM) as session:
        if customers.request_sync(session, stripe_id=customer):
            return True
    found = client_of(host).v1.customers.retrieve(customer).to_dict()
    ours = _id((found.get("metadata") or {}).get(customers.METADATA, ""))
    if found.get("deleted") or ours is None:
        return False
    with host.database.session(sync.SYSTEM) as session:
        return _take_up(session, ours, customer)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _take_up(session: Session, ours: UUID, customer: str) -> bool:
    return bool(
        session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == ours, BillingCustomer.stripe_id.is_(None))
            .values(stripe_id=customer, sync_requested=BillingCustomer.sync_requested + 1)
            .returning(BillingCustomer.id)
            .execution_options(synchronize_session=False)
        ).all()
    )


def _mark(host: Host, key: str, state: str) -> bool:
    with host.database.session(sync.SYSTEM) as session:
        session.execute(
            update(StripeEvent)
            .where(StripeEvent.id == key, StripeEvent.state == "received")
            .values(
                state=state, attempts=StripeEvent.attempts + 1,
                processed_at=None if state == "received" else utc_now(),
            )
        )  # fmt: skip
    return state != "received"
