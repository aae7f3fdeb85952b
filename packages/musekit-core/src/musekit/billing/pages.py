"""Pages of billing: what there is, what it costs, and what the space has of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from musekit.billing import catalogue, overview, returning
from musekit.billing.settings import BillingSettings
from musekit.kernel.actors import Actor
from musekit.kernel.web.access import HostDep, public, requires
from musekit.kernel.web.pages import render

router = APIRouter()

Anybody = Annotated[Actor | None, public()]
Reader = Annotated[Actor, requires("billing.read", browser=True)]
User = Annotated[Actor, requires("usage.read", browser=True)]
#: Looks of the page that waits, each some seconds after the one before; then it says so.
MOST_LOOKS = 30


@router.get("/pricing")
def pricing_page(request: Request, host: HostDep, actor: Anybody) -> Response:
    """Show the plans of every product, and what they cost."""
    configured = host.settings_of(BillingSettings).is_configured
    return render(
        request, "musekit/billing/pricing.html", shelves=catalogue.shelves(host),
        configured=configured,
    )  # fmt: skip


@router.get("/billing")
def billing_page(request: Request, host: HostDep, actor: Reader) -> Response:
    """Show what the space has, what is used of it, and how it is paid."""
    found = overview.of_space(host, actor)
    return render(request, "musekit/billing/billing.html", found=found)


@router.get("/billing/plans")
def plans_page(request: Request, host: HostDep, actor: User) -> Response:
    """Show the plans beside what the space has, with the ways to another one."""
    found = overview.of_space(host, actor)
    return render(
        request, "musekit/billing/plans.html", found=found, may_buy=actor.may("billing.write"),
        may_read=actor.may("billing.read"),
    )  # fmt: skip


@router.get("/billing/return")
def return_page(
    request: Request, host: HostDep, actor: Reader, checkout: UUID, look: int = 0
) -> Response:
    """Wait for what was bought on Stripe's page, and say when it is there."""
    state, product = returning.look(host, actor, checkout)
    names = {each.key: each.name for each in host.registry.products}
    return render(
        request, "musekit/billing/return.html", state=state, product=names.get(product, product),
        checkout=checkout, look=min(max(look, 0), MOST_LOOKS), most=MOST_LOOKS,
    )  # fmt: skip
