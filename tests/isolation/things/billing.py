"""Who pays: customers, what they began to buy, and an event about one."""

from __future__ import annotations

from uuid import UUID

from tests.isolation.world import SYSTEM, Person, World

from musekit.api import new_id
from musekit.billing.models import BillingCheckout, BillingCustomer, StripeEvent
from musekit.kernel.database.types import db_after, utc_now


def customer(world: World, it: Person) -> UUID:
    """The person as somebody who pays."""
    known: UUID | None = world.made.get((it.name, "customer"))
    if known is None:
        known = new_id()
        with world.host.database.session(SYSTEM) as session:
            session.add(
                BillingCustomer(
                    id=known, user_id=it.user_id, email=it.email, stripe_id=f"cus_{known.hex}"
                )
            )
        world.made[it.name, "customer"] = known
    return known


def checkout(world: World, it: Person) -> UUID:
    """A page that the person closed without paying."""
    known: UUID | None = world.made.get((it.name, "checkout"))
    if known is None:
        known = new_id()
        with world.host.database.session(SYSTEM) as session:
            session.add(
                BillingCheckout(
                    id=known, customer_id=customer(world, it), product="passive-post",
                    price_id="price_1", state="expired", created_by=it.user_id,
                    expires_at=db_after(3600),
                )
            )  # fmt: skip
        world.made[it.name, "checkout"] = known
    return known


def event(world: World, it: Person) -> str:
    """An event about the person's subscription."""
    key = f"evt_{customer(world, it).hex}"
    with world.host.database.session(SYSTEM) as session:
        if session.get(StripeEvent, key) is None:
            session.add(
                StripeEvent(
                    id=key, type="customer.updated", livemode=False, stripe_created=utc_now(),
                    customer=f"cus_{customer(world, it).hex}", payload={}, state="done",
                )
            )  # fmt: skip
    return key
