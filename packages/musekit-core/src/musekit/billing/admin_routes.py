"""``/api/admin/billing``: how billing is, what is on sale, who pays, what Stripe told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from musekit.admin.rules import SYSTEM, Acting, Asked, Operator
from musekit.billing import admin_acts, ledger, state, sync
from musekit.billing import admin_schemas as s
from musekit.billing.client import speaking_plainly
from musekit.kernel.web.access import HostDep

router = APIRouter(prefix="/api/admin/billing", tags=["Administration"])


class AskedEvents(Asked):
    """Which events of the ledger are asked for."""

    state: ledger.EventState = "all"


class AskedCustomers(Asked):
    """Which customers are asked for."""

    state: ledger.CustomerState = "all"


@router.get("")
def get_billing(host: HostDep, actor: Operator) -> s.AdminBilling:
    """Say how billing is set up, what waits, and what failed."""
    return s.AdminBilling.model_validate(state.of_host(host))


@router.get("/prices")
def list_all_prices(host: HostDep, actor: Operator) -> s.AdminPriceList:
    """List the prices that are active at Stripe, and what keeps one from being sold here."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = list(ledger.prices(session))
    return s.AdminPriceList(items=[s.AdminPrice.of(e, state.faults(host, e)) for e in found])


@router.post("/sync")
def fetch_catalogue(host: HostDep, actor: Acting) -> s.Fetched:
    """Fetch what is on sale from Stripe, now."""
    with speaking_plainly():
        return s.Fetched(prices=sync.catalogue(host))


@router.get("/events")
def list_events(
    host: HostDep, actor: Operator, asked: Annotated[AskedEvents, Query()]
) -> s.AdminEventList:
    """List the events that Stripe has told of, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = ledger.events(session, host, **asked.wanted)
        items = [s.AdminEvent.model_validate(each) for each in found.items]
    return s.AdminEventList(items=items, next_cursor=found.next)


@router.get("/events/{event_id}")
def get_event(host: HostDep, actor: Operator, event_id: str) -> s.AdminEvent:
    """Get an event, and what became of it."""
    with host.database.session(SYSTEM, readonly=True) as session:
        return s.AdminEvent.model_validate(ledger.event(session, event_id))


@router.post("/events/{event_id}/replay", status_code=204)
def replay_event(request: Request, host: HostDep, actor: Acting, event_id: str) -> None:
    """Do once more what an event asked for: what it is about is fetched from Stripe."""
    admin_acts.replay(request, host, actor, event_id)


@router.get("/customers")
def list_customers(
    host: HostDep, actor: Operator, asked: Annotated[AskedCustomers, Query()]
) -> s.AdminCustomerList:
    """List who pays, or began to; the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = ledger.customers(session, host, **asked.wanted)
        items = [s.AdminCustomer.of(each) for each in found.items]
    return s.AdminCustomerList(items=items, next_cursor=found.next)


@router.get("/customers/{customer_id}")
def get_customer(host: HostDep, actor: Operator, customer_id: UUID) -> s.AdminCustomerDetail:
    """Get a customer: what they pay, how fresh we know it, and the latest events."""
    with host.database.session(SYSTEM, readonly=True) as session:
        payer = ledger.customer(session, customer_id)
        return s.AdminCustomerDetail.of(payer, ledger.events_of(session, payer.row))


@router.post("/customers/{customer_id}/sync", status_code=204)
def fetch_customer(request: Request, host: HostDep, actor: Acting, customer_id: UUID) -> None:
    """Have a customer's subscriptions fetched from Stripe soon."""
    admin_acts.fetch_customer(request, host, actor, customer_id)
