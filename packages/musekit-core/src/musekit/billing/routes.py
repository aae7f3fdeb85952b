"""JSON routes of billing, and the endpoint that Stripe tells of events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from musekit.billing import cancelling, changing, checkout, customers, events, mirror, sync
from musekit.billing import schemas as s
from musekit.billing.settings import BillingSettings
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.kernel.ratelimit.policies import NONE
from musekit.kernel.web.access import HostDep, public, requires
from musekit.kernel.web.idempotency import no_store
from musekit.products.owners import owner_of

router = APIRouter(prefix="/api/billing", tags=["Billing"])

Reader = Annotated[Actor, requires("billing.read")]
Buyer = Annotated[Actor, requires("billing.write", in_person=True)]
Anybody = Annotated[Actor | None, public()]
#: Stripe is known by its signature, and its deliveries must not be missed.
Stripe = Annotated[Actor | None, public(cross_site=True, limit=NONE)]


@router.get("")
def billing(host: HostDep, actor: Reader) -> s.BillingOut:
    """Say how the plans of this space are paid."""
    assert actor.space_id is not None
    with host.database.session(sync.SYSTEM, readonly=True) as session:
        customer = customers.find(session, owner_of(session, actor.space_id))
        found = mirror.subscriptions_of(session, customer.id) if customer is not None else []
        shown = [s.SubscriptionOut.model_validate(each) for each in found]
    configured = host.settings_of(BillingSettings).is_configured
    return s.BillingOut(configured=configured, subscriptions=shown)


@router.get("/prices")
def list_prices(host: HostDep, actor: Anybody) -> s.PriceList:
    """List what is on sale."""
    with host.database.session(sync.SYSTEM, readonly=True) as session:
        return s.PriceList(items=[s.PriceOut.model_validate(e) for e in mirror.on_sale(session)])


@router.post("/checkout", status_code=201)
def begin_checkout(host: HostDep, actor: Buyer, body: s.CheckoutIn) -> s.Page:
    """Begin to buy a plan; the answer is the address of Stripe's page."""
    return s.Page(url=checkout.begin(host, actor, body.product, body.price))


@router.post("/portal", status_code=201)
@no_store  # who has the address can change the card
def open_portal(host: HostDep, actor: Buyer) -> s.Page:
    """Open Stripe's page for cards, invoices and cancellation."""
    return s.Page(url=checkout.portal(host, actor))


@router.get("/preview")
def preview_change(host: HostDep, actor: Buyer, product: s.Key, price: s.StripeId) -> s.PreviewOut:
    """Say what a change to another plan would cost, as Stripe works it out."""
    found = changing.preview(host, actor, product, price)
    return s.PreviewOut(
        at=found.at, at_once=found.wish.at_once, prorated=found.prorated, total=found.total,
        currency=found.currency, when=found.when,
    )  # fmt: skip


@router.post("/change")
def change(host: HostDep, actor: Buyer, body: s.ChangeIn) -> s.BillingOut:
    """Change the plan: more at once and prorated, less when the paid time is over."""
    changing.change(host, actor, body.product, body.price, at=body.at)
    return billing(host, actor)


@router.post("/cancel")
def cancel(host: HostDep, actor: Buyer, body: s.ProductIn) -> s.BillingOut:
    """Cancel a plan; it holds until the paid time is over."""
    cancelling.cancel(host, actor, body.product)
    return billing(host, actor)


@router.post("/resume")
def resume(host: HostDep, actor: Buyer, body: s.ProductIn) -> s.BillingOut:
    """Take a cancellation, or a change that is planned, back."""
    cancelling.resume(host, actor, body.product)
    return billing(host, actor)


@router.post("/stripe/webhook", max_body_size=1_048_576)  # read in a thread, once it is signed
async def receive_event(request: Request, host: HostDep, actor: Stripe) -> s.Received:
    """Take an event of Stripe, signed in ``Stripe-Signature``."""
    body = await request.body()
    await run_in_threadpool(_keep, host, body, request.headers.get("stripe-signature", ""))
    return s.Received()


def _keep(host: Host, body: bytes, signature: str) -> None:
    settings = host.settings_of(BillingSettings)
    event = events.verified(settings, body, signature)
    with host.database.session(sync.SYSTEM) as session:
        state = events.record(session, settings, event)
    if state == "received":
        host.broker.enqueue(sync.JOB)
