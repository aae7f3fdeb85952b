"""What the operator's JSON routes of billing give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from musekit.billing.ledger import Payer
from musekit.billing.models import BillingPrice, StripeEvent
from musekit.billing.schemas import SubscriptionOut
from musekit.kernel.web.schemas import Output


class AdminBilling(Output):
    """How billing is set up, what waits, and what failed."""

    configured: bool
    live: bool = Field(description="real money moves")
    webhook_url: str = Field(description="to be named at Stripe")
    customers: int
    to_sync: int
    failing: int = Field(description="customers whose last fetch failed")
    events: dict[str, int] = Field(description="by state")
    oldest_waiting: datetime | None
    last_event: datetime | None
    subscriptions: dict[str, int] = Field(description="by status")
    prices: int


class AdminPrice(Output):
    """A price that is active at Stripe, also one that cannot be sold here."""

    id: str
    product: str | None
    tier: str | None
    nickname: str | None
    currency: str
    unit_amount: int | None
    interval: str
    interval_count: int
    fault: str = Field("", description="what keeps it from being sold; empty: it is on sale")

    @classmethod
    def of(cls, row: BillingPrice, fault: str) -> Self:
        """Return a price as data."""
        return cls.model_validate(row).model_copy(update={"fault": fault})


class AdminPriceList(BaseModel):
    """Prices by product; it is one page."""

    items: list[AdminPrice]
    next_cursor: None = None


class Fetched(BaseModel):
    """What was fetched from Stripe."""

    prices: int


class AdminEvent(Output):
    """An event that Stripe told of, and what became of it; not what it holds."""

    id: str
    type: str
    state: str = Field(description="received, done, ignored or failed")
    customer: str | None = Field(description="at Stripe")
    account: str | None
    livemode: bool
    stripe_created: datetime
    received_at: datetime
    processed_at: datetime | None
    deliveries: int = Field(description="how often it was sent")
    attempts: int
    error: str | None


class AdminEventList(BaseModel):
    """Events, the newest first."""

    items: list[AdminEvent]
    next_cursor: str | None


class AdminCustomer(BaseModel):
    """Who pays, or began to."""

    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    name: str = Field(description="who that is here; empty: they are gone")
    email: str
    stripe_id: str | None
    waiting: bool = Field(description="a fetch was asked for and is not done")
    synced_at: datetime | None
    last_error: str | None
    created_at: datetime
    subscriptions: list[SubscriptionOut] = Field(description="those that run")

    @classmethod
    def of(cls, payer: Payer) -> Self:
        """Return a customer as data."""
        row = payer.row
        return cls(
            id=row.id, user_id=row.user_id, organization_id=row.organization_id, name=payer.name,
            email=row.email, stripe_id=row.stripe_id, synced_at=row.synced_at,
            waiting=row.sync_requested > row.sync_done, last_error=row.last_error,
            created_at=row.created_at,
            subscriptions=[SubscriptionOut.model_validate(each) for each in payer.subscriptions],
        )  # fmt: skip


class AdminCustomerList(BaseModel):
    """Customers, the newest first."""

    items: list[AdminCustomer]
    next_cursor: str | None


class AdminCustomerDetail(BaseModel):
    """One customer, and the latest events of theirs."""

    customer: AdminCustomer
    events: list[AdminEvent]

    @classmethod
    def of(cls, payer: Payer, events: Sequence[StripeEvent]) -> Self:
        """Return a customer with events as data."""
        told = [AdminEvent.model_validate(each) for each in events]
        return cls(customer=AdminCustomer.of(payer), events=told)
