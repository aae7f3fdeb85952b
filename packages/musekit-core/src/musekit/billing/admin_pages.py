"""The operator's pages of billing: how it is, what is on sale, who pays, what Stripe told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from musekit.admin.rules import SYSTEM, Acting, Operator, Wanted
from musekit.billing import admin_acts, ledger, state, sync
from musekit.billing.client import NotForSaleError, speaking_plainly
from musekit.billing.money import every, money
from musekit.errors import ConflictError, UnavailableError
from musekit.kernel.web.access import HostDep
from musekit.kernel.web.flash import flash, refusals
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/admin/billing")
PAGE = "/admin/billing"


class WantedEvents(Wanted):
    """What of the ledger is asked for."""

    state: ledger.EventState = "all"


class WantedCustomers(Wanted):
    """What of the customers is asked for."""

    state: ledger.CustomerState = "all"


@router.get("")
def billing_page(request: Request, host: HostDep, actor: Operator) -> Response:
    """Show how billing is set up, and what is on sale."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = list(ledger.prices(session))
        session.expunge_all()
    return render(
        request, "musekit/billing/admin/overview.html", now=state.of_host(host), money=money,
        every=every, prices=[(each, state.faults(host, each)) for each in found],
    )  # fmt: skip


@router.post("/sync")
def fetch_catalogue(request: Request, host: HostDep, actor: Acting) -> Response:
    """Fetch what is on sale, now."""
    try:
        with speaking_plainly():
            found = sync.catalogue(host)
    except NotForSaleError as error:
        flash(request, error.detail, "info")
    except (ConflictError, UnavailableError):
        flash(request, "Stripe did not answer as it should. What is shown is as it was.", "danger")
    else:
        flash(request, f"Fetched: {found} prices.")
    return redirect(PAGE)


@router.get("/events")
def events_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedEvents, Query()]
) -> Response:
    """List the events that Stripe has told of, the newest first."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = ledger.events(session, host, **wanted.model_dump())
    return render(
        request, "musekit/billing/admin/events.html", events=found.items, next=found.next,
        wanted=wanted.model_dump(),
    )  # fmt: skip


@router.get("/events/{event_id}")
def event_page(request: Request, host: HostDep, actor: Operator, event_id: str) -> Response:
    """Show what became of an event."""
    with host.database.session(SYSTEM, readonly=True) as session:
        row = ledger.event(session, event_id)
    about = (row.payload.get("data") or {}).get("object") or {}
    return render(request, "musekit/billing/admin/event.html", event=row, about=about)


@router.post("/events/{event_id}/replay")
def replay(request: Request, host: HostDep, actor: Acting, event_id: str) -> Response:
    """Do once more what an event asked for."""
    with refusals(request, ConflictError, tone="info"):
        admin_acts.replay(request, host, actor, event_id)
        flash(request, "It is done once more: what it is about is fetched from Stripe.")
    return redirect(f"{PAGE}/events/{event_id}")


@router.get("/customers")
def customers_page(
    request: Request, host: HostDep, actor: Operator, wanted: Annotated[WantedCustomers, Query()]
) -> Response:
    """List who pays, or began to."""
    with host.database.session(SYSTEM, readonly=True) as session:
        found = ledger.customers(session, host, **wanted.model_dump())
    return render(
        request, "musekit/billing/admin/customers.html", customers=found.items, next=found.next,
        wanted=wanted.model_dump(),
    )  # fmt: skip


@router.get("/customers/{customer_id}")
def customer_page(
    request: Request, host: HostDep, actor: Operator, customer_id: UUID
) -> Response:  # fmt: skip
    """Show a customer: what they pay, and how fresh we know it."""
    with host.database.session(SYSTEM, readonly=True) as session:
        payer = ledger.customer(session, customer_id)
        events = list(ledger.events_of(session, payer.row))
    return render(
        request, "musekit/billing/admin/customer.html", payer=payer, events=events, money=money,
        every=every,
    )  # fmt: skip


@router.post("/customers/{customer_id}/sync")
def fetch_customer(
    request: Request, host: HostDep, actor: Acting, customer_id: UUID
) -> Response:  # fmt: skip
    """Fetch a customer's subscriptions from Stripe soon."""
    admin_acts.fetch_customer(request, host, actor, customer_id)
    flash(request, "It is asked for, and shows here in a moment.")
    return redirect(f"{PAGE}/customers/{customer_id}")
