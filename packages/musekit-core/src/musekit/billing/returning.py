"""Coming back from Stripe's page. The page grants nothing: the mirror says what was bought."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import update

from musekit.billing import customers
from musekit.billing.models import BillingCheckout, BillingCustomer
from musekit.billing.settings import BillingSettings
from musekit.billing.sync import JOB, SYSTEM
from musekit.errors import NotFoundError
from musekit.kernel.actors import Actor
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products.owners import owner_of

State = Literal["waiting", "done", "closed"]
#: How long after a fetch another one is asked for by somebody who waits.
PATIENCE = timedelta(seconds=5)


def look(host: Host, actor: Actor, checkout: UUID) -> tuple[State, str]:
    """Return how far a purchase is, and the product it is of.

    While it is open the customer is asked for again, so that a webhook which is late, or never
    comes, keeps nobody waiting.

    Raises:
        NotFoundError: it is not one of the owner of the actor's space.
    """
    assert actor.space_id is not None
    with host.database.session(SYSTEM) as session:
        customer = customers.find(session, owner_of(session, actor.space_id))
        row = session.get(BillingCheckout, checkout)
        if customer is None or row is None or row.customer_id != customer.id:
            raise NotFoundError("There is no such purchase here.")
        if row.state not in ("asked", "open"):
            return ("done" if row.state == "done" else "closed"), row.product
        settled = customer.sync_requested <= customer.sync_done
        late = customer.synced_at is None or utc_now() - customer.synced_at > PATIENCE
        ring = settled and late and host.settings_of(BillingSettings).is_configured
        if ring:
            session.execute(
                update(BillingCustomer)
                .where(BillingCustomer.id == customer.id)
                .values(sync_requested=BillingCustomer.sync_requested + 1)
            )
        product = row.product
    if ring:
        host.broker.enqueue(JOB)
    return "waiting", product
