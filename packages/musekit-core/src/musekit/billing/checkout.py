"""Buying: from a price to Stripe's page. Three units of work, with calls of Stripe in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from musekit.auth.models import User
from musekit.billing import customers, fetching, mirror
from musekit.billing.client import client_of, speaking_plainly
from musekit.billing.inserting import insert
from musekit.billing.models import BillingCheckout, BillingCustomer, BillingPrice
from musekit.billing.settings import BillingSettings
from musekit.billing.sync import JOB, SYSTEM
from musekit.errors import ConflictError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.kernel.ids import new_id
from musekit.products.owners import owner_of

#: How long Stripe keeps an unpaid page (its default), less a little.
LIFE = timedelta(hours=23)
_OPEN = ("asked", "open")
_ELSEWHERE = "Another plan is being bought in another window. Finish there, or try again."


@dataclass(frozen=True)
class Order:
    """What is being bought, and by whom, as our database has it."""

    checkout: UUID
    key: UUID
    customer: UUID
    stripe_id: str | None
    email: str
    product: str
    price_id: str
    tier: str
    trial_days: int


def begin(host: Host, actor: Actor, product: str, price_id: str) -> str:
    """Begin to buy a plan for the actor's space; return the address of Stripe's page.

    Asked twice it is one page: the same order goes to Stripe under the same key.

    Raises:
        NotForSaleError: payments are not set up here.
        NotFoundError: that price is not on sale.
        ConflictError: there is a subscription already; change that one.
        UnavailableError: Stripe cannot be reached.
    """
    client = client_of(host)
    _make_room(host, actor, product, price_id)
    with host.database.session(SYSTEM) as session:
        order = _order(session, host, actor, product, price_id)
    with speaking_plainly(), _keyed_anew(host, order):
        stripe_id = order.stripe_id or _customer(host, order)
        page = client.v1.checkout.sessions.create(
            _page(host, order, stripe_id),  # type: ignore[arg-type]
            {"idempotency_key": str(order.key)},
        )
    with host.database.session(SYSTEM) as session:
        kept = session.scalar(
            update(BillingCheckout)
            .where(BillingCheckout.id == order.checkout, BillingCheckout.state.in_(_OPEN))
            .values(state="open", session_id=page.id)
            .returning(BillingCheckout.id)
            .execution_options(synchronize_session=False)
        )
    if kept is None:  # another plan was chosen meanwhile: of two pages one must not be paid
        with speaking_plainly():
            client.v1.checkout.sessions.expire(page.id)
        raise ConflictError(_ELSEWHERE)
    assert page.url is not None
    return page.url


def portal(host: Host, actor: Actor) -> str:
    """Return the address of Stripe's page for cards, invoices and cancellation.

    Raises:
        NotForSaleError: payments are not set up here.
        ConflictError: nothing was ever bought here.
    """
    client = client_of(host)
    assert actor.space_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        found = customers.find(session, owner_of(session, actor.space_id))
        stripe_id = found.stripe_id if found is not None else None
    if stripe_id is None:
        raise ConflictError("Nothing was bought here so far, so there is nothing to manage.")
    with speaking_plainly():
        made = client.v1.billing_portal.sessions.create(
            {"customer": stripe_id, "return_url": f"{host.settings.public_url}/billing"}
        )
    return made.url


def _order(session: Session, host: Host, actor: Actor, product: str, price_id: str) -> Order:
    assert actor.space_id is not None
    assert actor.user_id is not None
    price = mirror.price_of(session, product, price_id)
    assert price.tier is not None
    buyer = session.get_one(User, actor.user_id)
    customer = customers.of(session, owner_of(session, actor.space_id), buyer.email)
    had = mirror.subscriptions_of(session, customer.id)
    if any(each.product == product and each.status not in mirror.OVER for each in had):
        raise ConflictError("There is a subscription for this already. Change that one instead.")
    row = _checkout(session, customer, actor, product, price_id)
    return Order(
        checkout=row.id, key=row.key, customer=customer.id, stripe_id=customer.stripe_id,
        email=customer.email, product=product, price_id=price_id, tier=price.tier,
        trial_days=0 if had else trial_of(host, price),
    )  # fmt: skip


def trial_of(host: Host, price: BillingPrice) -> int:
    """Return the days for which a price may be tried: its own, else those of the settings."""
    own = price.trial_days
    return own if own is not None else host.settings_of(BillingSettings).trial_days


def _make_room(host: Host, actor: Actor, product: str, price_id: str) -> None:
    """Retire an open checkout that is too old, or for another price.

    Its page is closed at Stripe first, so that it cannot be paid as well; if it was paid already,
    nothing else is bought.
    """
    import stripe

    assert actor.space_id is not None
    with host.database.session(SYSTEM, readonly=True) as session:
        customer = customers.find(session, owner_of(session, actor.space_id))
        row = None if customer is None else _open(session, customer.id, product)
        if customer is None or row is None:
            return
        late = row.expires_at <= utc_now()
        if row.price_id == price_id and not late:
            return
        key, page, payer = row.id, None if late else row.session_id, customer.id
    if page is not None:
        try:
            with speaking_plainly():
                client_of(host).v1.checkout.sessions.expire(page)
        except ConflictError as error:
            if not isinstance(error.__cause__, stripe.InvalidRequestError):
                raise
            with host.database.session(SYSTEM) as session:
                customers.request_sync(session, row=payer)
            host.broker.enqueue(JOB)
            raise ConflictError(
                "You have just paid for another plan. It will show in a moment; then change that"
                " one, if you like. Nothing else was bought."
            ) from error
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(BillingCheckout)
            .where(BillingCheckout.id == key, BillingCheckout.state.in_(_OPEN))
            .values(state="expired")
        )


def _open(session: Session, customer: UUID, product: str) -> BillingCheckout | None:
    return session.scalars(
        select(BillingCheckout).where(
            BillingCheckout.customer_id == customer, BillingCheckout.product == product,
            BillingCheckout.state.in_(_OPEN),
        )
    ).one_or_none()  # fmt: skip


def _checkout(
    session: Session, customer: BillingCustomer, actor: Actor, product: str, price_id: str
) -> BillingCheckout:
    """Return the open checkout; made if there is none, once however many ask at once."""
    session.execute(
        insert(session, BillingCheckout)
        .values(
            id=new_id(), customer_id=customer.id, product=product, price_id=price_id, key=new_id(),
            state="asked", created_by=actor.user_id, created_at=utc_now(),
            expires_at=utc_now() + LIFE,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip
    row = _open(session, customer.id, product)
    if row is None or row.price_id != price_id:
        raise ConflictError(_ELSEWHERE)
    return row


@contextmanager
def _keyed_anew(host: Host, order: Order) -> Iterator[None]:
    """After an error of Stripe's own, have the next try go under a new key.

    Stripe keeps what it answered first under a key, errors too, for a day. Where no answer came the
    key stays: what was carried out is found by it.
    """
    import stripe

    try:
        yield
    except stripe.StripeError as error:
        if error.http_status is not None:
            with host.database.session(SYSTEM) as session:
                session.execute(
                    update(BillingCheckout)
                    .where(BillingCheckout.id == order.checkout, BillingCheckout.key == order.key)
                    .values(key=new_id())
                )
        raise


def _customer(host: Host, order: Order) -> str:
    """Make the customer at Stripe; should its id get lost here, its events bring it back.

    Where two products are bought at once, both make one, and the first that is kept counts.
    """
    made = client_of(host).v1.customers.create(
        {"email": order.email, "metadata": {customers.METADATA: str(order.customer)}},
        {"idempotency_key": f"customer-{order.key}"},
    )
    with host.database.session(SYSTEM) as session:
        session.execute(
            update(BillingCustomer)
            .where(BillingCustomer.id == order.customer, BillingCustomer.stripe_id.is_(None))
            .values(stripe_id=made.id)
        )
        kept = session.scalar(
            select(BillingCustomer.stripe_id).where(BillingCustomer.id == order.customer)
        )
    return kept or made.id


def _page(host: Host, order: Order, stripe_id: str) -> dict[str, Any]:
    metadata = {
        fetching.TIER: order.tier, fetching.PRODUCT: order.product,
        fetching.PRICE: order.price_id, customers.METADATA: str(order.customer),
    }  # fmt: skip
    subscribed: dict[str, Any] = {"metadata": metadata}
    if order.trial_days:
        subscribed["trial_period_days"] = order.trial_days
        # Who has left no card by then pays nothing, and falls to the free floor.
        subscribed["trial_settings"] = {"end_behavior": {"missing_payment_method": "cancel"}}
    here = host.settings.public_url.rstrip("/")
    taxed: dict[str, Any] = {}
    if host.settings_of(BillingSettings).automatic_tax:
        # Taxes hang on where the customer is, which the page then asks for and keeps.
        taxed = {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    return taxed | {
        "mode": "subscription", "customer": stripe_id, "client_reference_id": str(order.customer),
        "line_items": [{"price": order.price_id, "quantity": 1}],
        "subscription_data": subscribed,
        "success_url": f"{here}/billing/return?checkout={order.checkout}",
        "cancel_url": f"{here}/billing/plans",
    }  # fmt: skip
