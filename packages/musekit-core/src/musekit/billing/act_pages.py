"""Forms of billing: buy, change, cancel, take that back, go to Stripe's page of invoices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from musekit.billing import cancelling, changing, checkout
from musekit.billing import overview as looking
from musekit.billing.client import NotForSaleError
from musekit.billing.money import every, money
from musekit.billing.schemas import Key, StripeId
from musekit.errors import ConflictError, NotFoundError, UnavailableError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.web.access import HostDep, requires
from musekit.kernel.web.flash import flash
from musekit.kernel.web.idempotency import no_store
from musekit.kernel.web.pages import redirect, render

router = APIRouter(prefix="/billing")

#: Money is a matter of the person alone, never of who acts for them.
Buyer = Annotated[Actor, requires("billing.write", browser=True, in_person=True)]
PLANS, HOME = "/billing/plans", "/billing"
Made = TypeVar("Made")


class Chosen(BaseModel):
    """A price of a product; `at` is the second of the preview that was shown."""

    model_config = ConfigDict(extra="ignore")

    product: Key
    price: StripeId
    at: int | None = None


class Of(BaseModel):
    """The product that it is about."""

    model_config = ConfigDict(extra="ignore")

    product: Key


@router.post("/checkout")
def buy(request: Request, host: HostDep, actor: Buyer, form: Annotated[Chosen, Form()]) -> Response:
    """Go to Stripe's page, where it is paid."""
    url = _said(request, lambda: checkout.begin(host, actor, form.product, form.price))
    return redirect(url or PLANS)


@router.post("/portal")
@no_store  # who has the address can change the card
def open_portal(request: Request, host: HostDep, actor: Buyer) -> Response:
    """Go to Stripe's page of cards and invoices."""
    return redirect(_said(request, lambda: checkout.portal(host, actor)) or HOME)


@router.get("/change")
def change_page(
    request: Request, host: HostDep, actor: Buyer, product: Key, price: StripeId = ""
) -> Response:
    """Show what a change would cost before it is made; without a price, what cancelling means."""
    found = looking.of_space(host, actor)
    line = next((each for each in found.lines if each.shelf.product.key == product), None)
    if line is None or line.paid is None:
        raise NotFoundError("There is no subscription of this here.")
    if not price:
        return render(request, "musekit/billing/cancel.html", line=line, paid=line.paid)
    shown = _said(request, lambda: changing.preview(host, actor, product, price))
    if shown is None:
        return redirect(PLANS)
    plan = next(
        (
            each.tier.label
            for each in line.shelf.plans
            if each.tier.key == shown.wish.price.tier
        ),
        shown.wish.price.tier,
    )  # fmt: skip
    return render(
        request, "musekit/billing/change.html", line=line, paid=line.paid, shown=shown, plan=plan,
        money=money,
        every=every(shown.wish.price.interval, shown.wish.price.interval_count),
    )  # fmt: skip


@router.post("/change")
def change(
    request: Request, host: HostDep, actor: Buyer, form: Annotated[Chosen, Form()]
) -> Response:
    """Change the plan."""
    wish = _said(
        request,
        lambda: changing.change(host, actor, form.product, form.price, at=form.at),
    )
    if wish is None:
        return redirect(PLANS)
    label = _label(host, actor, form.product, wish.price.tier)
    flash(
        request,
        f"Your plan is {label} now." if wish.at_once
        else f"Your plan changes to {label} when the time you have paid for is over.",
    )  # fmt: skip
    return redirect(HOME)


@router.post("/cancel")
def cancel(request: Request, host: HostDep, actor: Buyer, form: Annotated[Of, Form()]) -> Response:
    """Cancel the plan; it holds until the paid time is over."""
    if _said(request, lambda: cancelling.cancel(host, actor, form.product)):
        flash(request, "It is cancelled. You keep all until the time you have paid for is over.")
    return redirect(HOME)


@router.post("/resume")
def resume(request: Request, host: HostDep, actor: Buyer, form: Annotated[Of, Form()]) -> Response:
    """Take a cancellation or a planned change back."""
    if _said(request, lambda: cancelling.resume(host, actor, form.product)):
        flash(request, "Your plan goes on as it is.")
    return redirect(HOME)


def _said(request: Request, act: Callable[[], Made]) -> Made | None:
    """Return what an act returns; None if it was refused, which the next page says."""
    try:
        return act()
    except NotForSaleError:
        raise
    except (ConflictError, NotFoundError, UnavailableError) as error:
        flash(request, error.detail, "danger")
        return None


def _label(host: Host, actor: Actor, product: str, tier: str | None) -> str:
    for line in looking.of_space(host, actor).lines:
        if line.shelf.product.key == product:
            for plan in line.shelf.plans:
                if plan.tier.key == tier:
                    return plan.tier.label
    return tier or ""
