"""Customers and events of Stripe, as the operator sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.billing import mirror
from musekit.billing.models import (
    BillingCustomer,
    BillingPrice,
    BillingSubscription,
    StripeEvent,
)
from musekit.billing.replaying import is_id
from musekit.errors import NotFoundError
from musekit.kernel.host import Host
from musekit.kernel.listing import Listed, holding, newest_first
from musekit.organizations.models import Organization

EventState = Literal["all", "received", "done", "ignored", "failed"]
CustomerState = Literal["all", "waiting", "failing"]
#: Events shown with a customer.
LATEST = 20


class Payer(NamedTuple):
    """A customer, and who that is here."""

    row: BillingCustomer
    name: str  #: empty when they are gone
    subscriptions: Sequence[BillingSubscription]


def events(
    session: Session, host: Host, *, search: str = "", state: EventState = "all", after: str = ""
) -> Listed[StripeEvent]:
    """Return events whose id, kind or customer holds a text, the newest first."""
    query = select(StripeEvent).where(
        *holding(search, StripeEvent.id, StripeEvent.type, StripeEvent.customer)
    )
    if state != "all":
        query = query.where(StripeEvent.state == state)
    return newest_first(
        session, host, query, StripeEvent.received_at, StripeEvent.id, after=after
    )  # fmt: skip


def event(session: Session, event_id: str) -> StripeEvent:
    """Return an event; NotFoundError if there is none."""
    row = session.get(StripeEvent, event_id) if is_id(event_id) else None
    if row is None:
        raise NotFoundError("There is no such event, or it was swept away.")
    return row


def customers(
    session: Session,
    host: Host,
    *,
    search: str = "",
    state: CustomerState = "all",
    after: str = "",
) -> Listed[Payer]:
    """Return customers whose address or id at Stripe holds a text, the newest first."""
    query = select(BillingCustomer).where(
        *holding(search, BillingCustomer.email, BillingCustomer.stripe_id)
    )
    if state == "waiting":
        query = query.where(BillingCustomer.sync_requested > BillingCustomer.sync_done)
    elif state == "failing":
        query = query.where(BillingCustomer.last_error.is_not(None))
    found = newest_first(
        session, host, query, BillingCustomer.created_at, BillingCustomer.id, after=after
    )  # fmt: skip
    return Listed(items=_payers(session, found.items), next=found.next)


def customer(session: Session, customer_id: UUID) -> Payer:
    """Return a customer; NotFoundError if there is none."""
    row = session.get(BillingCustomer, customer_id)
    if row is None:
        raise NotFoundError("There is no such customer.")
    return _payers(session, [row])[0]


def events_of(session: Session, row: BillingCustomer) -> Sequence[StripeEvent]:
    """Return the latest events of a customer."""
    return session.scalars(
        select(StripeEvent)
        .where(StripeEvent.customer == row.stripe_id)
        .order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc())
        .limit(LATEST)
    ).all()


def prices(session: Session) -> Sequence[BillingPrice]:
    """Return the prices that are active at Stripe, also those that cannot be sold here."""
    return session.scalars(
        select(BillingPrice)
        .where(BillingPrice.active)
        .order_by(BillingPrice.product, BillingPrice.unit_amount, BillingPrice.id)
    ).all()


def _payers(session: Session, rows: Sequence[BillingCustomer]) -> list[Payer]:
    people = [each.user_id for each in rows if each.user_id is not None]
    teams = [each.organization_id for each in rows if each.organization_id is not None]
    names: dict[UUID, str] = {}
    if people:
        for user in session.execute(select(User.id, User.email).where(User.id.in_(people))):
            names[user.id] = user.email
    if teams:
        wanted = select(Organization.id, Organization.name).where(Organization.id.in_(teams))
        for team in session.execute(wanted):
            names[team.id] = team.name
    bought: dict[UUID, list[BillingSubscription]] = {each.id: [] for each in rows}
    running = (
        select(BillingSubscription)
        .where(
            BillingSubscription.customer_id.in_(bought),
            BillingSubscription.status.not_in(mirror.OVER),
        )
        .order_by(BillingSubscription.stripe_created.desc())
    )
    for found in session.scalars(running):
        bought[found.customer_id].append(found)
    return [
        Payer(each, names.get(each.organization_id or each.user_id or each.id, ""), bought[each.id])
        for each in rows
    ]
