"""What the operator does with billing: each an edge, noted in the audit log."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request

from musekit.admin.rules import SYSTEM
from musekit.audit import service as audit
from musekit.billing import customers, ledger, replaying, sync
from musekit.billing.leftovers import JOB as SETTLE
from musekit.kernel.actors import Actor
from musekit.kernel.host import Host


def replay(request: Request, host: Host, actor: Actor, event_id: str) -> None:
    """Do once more what an event asked for; raises as `replaying.replay`."""
    with host.database.session(SYSTEM) as session:
        replaying.replay(session, event_id)
        audit.record(
            session, actor, "billing.replayed", target=("stripe_event", event_id), request=request
        )
    for job in (SETTLE, sync.JOB):
        host.broker.enqueue(job)


def fetch_customer(request: Request, host: Host, actor: Actor, customer_id: UUID) -> None:
    """Have a customer's subscriptions fetched from Stripe soon; NotFoundError without them."""
    with host.database.session(SYSTEM) as session:
        ledger.customer(session, customer_id)
        customers.request_sync(session, row=customer_id)
        audit.record(
            session, actor, "billing.fetched", target=("billing_customer", customer_id),
            request=request,
        )  # fmt: skip
    host.broker.enqueue(sync.JOB)
