"""How billing is: what is set up, what waits, what failed. Asks the database only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.billing.models import (
    BillingCustomer,
    BillingPrice,
    BillingSubscription,
    StripeEvent,
)
from musekit.billing.settings import BillingSettings
from musekit.billing.sync import SYSTEM
from musekit.declarations import Health
from musekit.kernel.database.types import utc_now
from musekit.kernel.host import Host
from musekit.products import tiers

#: How long something may wait before somebody should look.
SLOW = timedelta(minutes=15)
WEBHOOK = "/api/billing/stripe/webhook"


@dataclass(frozen=True)
class State:
    """Figures for the operator."""

    configured: bool
    live: bool
    webhook_secrets: int
    webhook_url: str
    customers: int
    to_sync: int
    failing: int  #: customers whose last fetch failed
    events: Mapping[str, int]  #: by state
    oldest_waiting: datetime | None
    last_event: datetime | None
    subscriptions: Mapping[str, int]  #: by status
    prices: int

    def as_dict(self) -> dict[str, Any]:
        """Return the same, JSON-ready but for times."""
        return asdict(self)


def of_host(host: Host) -> State:
    """Return how billing is. Opens a unit of its own."""
    settings = host.settings_of(BillingSettings)
    with host.database.session(SYSTEM, readonly=True) as session:
        waiting = session.scalar(
            select(func.min(StripeEvent.received_at)).where(StripeEvent.state == "received")
        )
        return State(
            configured=settings.is_configured, live=settings.is_live,
            webhook_secrets=len(settings.webhook_secrets),
            webhook_url=host.settings.public_url.rstrip("/") + WEBHOOK,
            customers=_count(session, BillingCustomer.stripe_id.is_not(None)),
            to_sync=_count(session, BillingCustomer.sync_requested > BillingCustomer.sync_done),
            failing=_count(session, BillingCustomer.last_error.is_not(None)),
            events=_by(session, StripeEvent.state),
            oldest_waiting=waiting,
            last_event=session.scalar(select(func.max(StripeEvent.received_at))),
            subscriptions=_by(session, BillingSubscription.status),
            prices=session.scalar(
                select(func.count()).select_from(BillingPrice).where(BillingPrice.active)
            ) or 0,
        )  # fmt: skip


def health(host: Host) -> Health:
    """Say whether billing needs somebody."""
    found = of_host(host)
    if not found.configured:
        return Health(status="ok", detail="payments are off: there is no key of Stripe")
    if not found.webhook_secrets:
        return Health(
            status="warn", detail="Stripe cannot tell us of changes: no signing secret is set",
            advice=f"Add the endpoint {found.webhook_url} at Stripe, and its signing secret as"
            " MUSEKIT_BILLING_STRIPE_WEBHOOK_SECRETS.",
        )  # fmt: skip
    late = found.oldest_waiting is not None and utc_now() - found.oldest_waiting > SLOW
    if found.failing or late:
        return Health(
            status="warn",
            detail=f"{found.failing} customers could not be fetched"
            if found.failing else "events of Stripe wait for longer than 15 minutes",
            advice="See /admin/billing; `musekit billing sync` tries again and says why.",
        )  # fmt: skip
    if not found.prices:
        return Health(
            status="warn", detail="nothing is on sale: no price has been fetched",
            advice="Give prices at Stripe the metadata muse_product and muse_tier, then run"
            " `musekit billing sync`.",
        )  # fmt: skip
    return Health(status="ok")


def faults(host: Host, price: BillingPrice) -> str:
    """Return what keeps a price from being sold here; empty if nothing does."""
    known = {each.key: each for each in host.registry.products}
    if price.product is None:
        return "names no product (muse_product)"
    if price.product not in known:
        return f"is of “{price.product}”, which is not installed"
    if price.tier is None:
        return "names no tier (muse_tier)"
    if price.tier not in {each.key for each in tiers.definitions(host, price.product)}:
        return f"names the tier “{price.tier}”, which nobody defines"
    if price.unit_amount is None:
        return "has no fixed amount"
    return "" if price.active else "is not active at Stripe"


def _count(session: Session, condition: Any) -> int:
    return session.scalar(select(func.count()).select_from(BillingCustomer).where(condition)) or 0


def _by(session: Session, column: Any) -> dict[str, int]:
    rows: Any = session.execute(select(column, func.count()).group_by(column)).all()
    return {name: int(many) for name, many in rows}
