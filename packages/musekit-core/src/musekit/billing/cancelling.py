"""Ending a subscription when its paid time is over, taking that back, and ending all at once."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy import select, update

from musekit.billing import changing, customers, mirror, standing, sync
from musekit.billing.client import NotForSaleError, client_of, speaking_plainly
from musekit.billing.models import BillingCheckout, BillingCustomer
from musekit.billing.standing import Standing
from musekit.billing.sync import SYSTEM
from musekit.errors import MuseKitError
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host
from musekit.products.owners import Owner

logger = logging.getLogger(__name__)


def cancel(host: Host, actor: Actor, product: str) -> Standing:
    """End the subscription of a product when its paid time is over; until then all stays.

    Raises:
        NotForSaleError, ConflictError, UnavailableError: it was not cancelled.
    """
    client = client_of(host)
    found = standing.here(host, actor, product)
    if not found.is_ending:
        with speaking_plainly():
            changing.release(client, changing.retrieve(client, found.subscription))
            client.v1.subscriptions.update(found.subscription, {"cancel_at_period_end": True})
    sync.now(host, found.customer)
    return found


def resume(host: Host, actor: Actor, product: str) -> Standing:
    """Take back a cancellation, or a change that was planned: the subscription goes on as it is.

    Raises:
        NotForSaleError, ConflictError, UnavailableError: it was not taken back.
    """
    client = client_of(host)
    found = standing.here(host, actor, product)
    with speaking_plainly():
        had = changing.retrieve(client, found.subscription)
        changing.release(client, had)
        if had.get("cancel_at_period_end"):
            client.v1.subscriptions.update(found.subscription, {"cancel_at_period_end": False})
        elif had.get("cancel_at"):
            client.v1.subscriptions.update(found.subscription, {"cancel_at": ""})
    sync.now(host, found.customer)
    return found


def cancel_all(host: Host, owner: Owner) -> bool:
    """End all that an owner pays for here, at once; for who is being deleted. An edge.

    Pages on which they could still pay are closed first. What was paid is not given back.

    Returns:
        True when nothing can cost them any more. False: Stripe could not be asked; try again.
    """
    import stripe

    with host.database.session(SYSTEM, readonly=True) as session:
        customer = customers.find(session, owner)
        if customer is None:
            return True
        key, stripe_id = customer.id, customer.stripe_id
        pages = session.scalars(
            select(BillingCheckout.session_id).where(
                BillingCheckout.customer_id == key, BillingCheckout.state.in_(("asked", "open"))
            )
        ).all()
        costs = any(mirror.goes_on(each) for each in mirror.subscriptions_of(session, key))
    if stripe_id is None:
        if costs:
            logger.error("customer %s pays, and has no number at Stripe", key)
            return False
    else:
        try:
            _end(host, stripe_id, [each for each in pages if each is not None])
        except NotForSaleError:
            if costs:
                logger.error(  # noqa: TRY400 - where it was found says nothing
                    "payments are off, and customer %s still pays", key
                )
            return not costs
        except (MuseKitError, stripe.StripeError) as error:
            logger.warning("customer %s could not be ended: %s", key, type(error).__name__)
            return False
        if not sync.now(host, key):
            return False
    _close(host, key)
    return True


def _end(host: Host, stripe_id: str, pages: list[str]) -> None:
    import stripe

    client = client_of(host)
    for page in pages:
        try:
            client.v1.checkout.sessions.expire(page)
        except stripe.InvalidRequestError:
            logger.info("page %s was paid or is closed already", page)
    listed = client.v1.subscriptions.list({"customer": stripe_id, "status": "all", "limit": 100})
    for each in listed.auto_paging_iter():
        if each.status not in ("canceled", "incomplete_expired"):
            client.v1.subscriptions.cancel(each.id)


def _close(host: Host, key: UUID) -> None:
    """Keep the row for the books, without the person's address; Stripe has it where it must."""
    with host.database.session(SYSTEM) as session:
        session.execute(update(BillingCustomer).where(BillingCustomer.id == key).values(email=""))
        session.execute(
            update(BillingCheckout)
            .where(BillingCheckout.customer_id == key, BillingCheckout.state.in_(("asked", "open")))
            .values(state="expired")
        )
