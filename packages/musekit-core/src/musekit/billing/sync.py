"""Bringing the mirror up to date, customer by customer: lease, fetch, write, tell.

A fetch that begins after the last event sees all that the events told of. So a customer is fetched
for as long as somebody asked since the last fetch began, and nothing is taken from the events.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from musekit.billing import customers, fetching, mirror, notices, telling
from musekit.billing.client import client_of
from musekit.billing.models import BillingCustomer, StripeEvent
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import db_after, db_now, utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.products.owners import Owner

logger = logging.getLogger(__name__)
SYSTEM = Actor.system("billing")
#: The job; rung after events are kept.
JOB = "billing-sync"
#: Seconds that a fetch may take before another process may begin one.
LEASE = 180.0
#: Seconds to wait after Stripe failed.
PAUSE = 30.0


@dataclass(frozen=True)
class Claim:
    """A customer under our lease, and how often a fetch was asked for when we took it."""

    lease: UUID
    customer: UUID
    stripe_id: str | None
    requested: int
    owner: Owner


def drain(host: Host, *, seconds: float = 45.0) -> int:
    """Fetch customers that are due until none is or the time is over; return how many."""
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end and (claim := _claim(host)) is not None:
        done += one(host, claim)
    return done


def now(host: Host, customer: UUID) -> bool:
    """Fetch one customer at once, for a person who waits; False if Stripe did not answer.

    Also False if another process is at it: then the job fetches once more after that.
    """
    with host.database.session(SYSTEM) as session:
        customers.request_sync(session, row=customer)
    claim = _claim(host, customer)
    if claim is not None and one(host, claim):
        return True
    host.broker.enqueue(JOB)
    return False


def one(host: Host, claim: Claim) -> bool:
    """Fetch one customer and write what Stripe has; False if that failed, or another was faster."""
    import stripe

    began, rows = utc_now(), list[fetching.Row]()
    try:
        if claim.stripe_id is not None:
            rows = fetching.subscriptions(client_of(host), claim.stripe_id, only_product(host))
    except stripe.StripeError as error:
        logger.warning("Stripe could not be asked: %s %s", type(error).__name__, error.request_id)
        _give_back(host, claim, f"{type(error).__name__}: {error.request_id or 'no answer'}")
        return False
    products = _products(host, claim, rows)
    known, before = notices.names(host, products), telling.now(host, claim.owner, products)
    with host.database.session(SYSTEM) as session:
        if not _is_mine(session, claim):
            return False
        had = notices.snapshot(session, claim.customer)
        mirror.put_subscriptions(session, claim.customer, rows)
        notices.queue(session, host, claim.customer, claim.owner, had=had, known=known)
        telling.keep(session, claim.customer, before)
        session.flush()
        _settle(session, claim, began)
    telling.tell(host, claim.customer)
    return True


def catalogue(host: Host) -> int:
    """Fetch what is on sale; return how many prices there are.

    Raises:
        stripe.StripeError: Stripe could not be asked.
    """
    rows = fetching.prices(client_of(host), only_product(host))
    with host.database.session(SYSTEM) as session:
        mirror.put_prices(session, rows)
    return len(rows)


def only_product(host: Host) -> str | None:
    """Return the product that is meant where none is named: the only one there is."""
    keys = [product.key for product in host.registry.products]
    return keys[0] if len(keys) == 1 else None


def _products(host: Host, claim: Claim, rows: Sequence[fetching.Row]) -> set[str]:
    """Return the products whose tier may change, of those that are installed."""
    with host.database.session(SYSTEM, readonly=True) as session:
        before = mirror.products_of(session, claim.customer)
    named = before | {row["product"] for row in rows}
    return named & {product.key for product in host.registry.products}


def _claim(host: Host, only: UUID | None = None) -> Claim | None:
    lease = new_id()
    due = (
        select(BillingCustomer.id)
        .where(
            BillingCustomer.sync_requested > BillingCustomer.sync_done,
            _is_free() if only is None else _is_free() & (BillingCustomer.id == only),
        )
        .order_by(BillingCustomer.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with host.database.session(SYSTEM) as session:
        key = session.scalar(due)
        if key is None:
            return None
        row = session.scalars(
            update(BillingCustomer)
            .where(BillingCustomer.id == key)
            .values(sync_owner=lease, sync_until=db_after(LEASE))
            .returning(BillingCustomer)
            .execution_options(synchronize_session=False)
        ).one()
        owner = Owner(row.user_id, row.organization_id)
        return Claim(lease, row.id, row.stripe_id, row.sync_requested, owner)


def _is_free() -> ColumnElement[bool]:
    return or_(BillingCustomer.sync_until.is_(None), BillingCustomer.sync_until < db_now())


def _is_mine(session: Session, claim: Claim) -> bool:
    found = session.scalar(
        select(BillingCustomer.id)
        .where(BillingCustomer.id == claim.customer, BillingCustomer.sync_owner == claim.lease)
        .with_for_update()
    )
    return found is not None


def _settle(session: Session, claim: Claim, began: datetime) -> None:
    session.execute(
        update(BillingCustomer)
        .where(BillingCustomer.id == claim.customer)
        .values(
            sync_done=claim.requested, sync_owner=None, sync_until=None, synced_at=utc_now(),
            last_error=None,
        )
    )  # fmt: skip
    session.execute(
        update(StripeEvent)
        .where(
            StripeEvent.customer == claim.stripe_id, StripeEvent.state == "received",
            StripeEvent.received_at <= began,
        )
        .values(state="done", processed_at=utc_now(), attempts=StripeEvent.attempts + 1)
    )  # fmt: skip


def _give_back(host: Host, claim: Claim, error: str) -> None:
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == claim.customer, BillingCustomer.sync_owner == claim.lease)
            .values(sync_owner=None, sync_until=db_after(PAUSE), last_error=error)
        )
