"""A mirror of what Stripe has, and the ledger of its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, SystemOnly
from musekit.kernel.database.types import Json, UtcDateTime, utc_now
from musekit.kernel.ids import new_id

_TO_SYNC = text("sync_requested > sync_done")
_OPEN = text("state IN ('asked', 'open')")


class BillingCustomer(Base, SystemOnly):
    """Who pays: a person or an organization. Kept when they are gone, for the books."""

    __tablename__ = "billing_customers"
    __table_args__ = (
        Index(
            "ix_billing_customers_to_sync", "id", sqlite_where=_TO_SYNC, postgresql_where=_TO_SYNC
        ),
        Index(None, "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), unique=True
    )
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="SET NULL"), unique=True
    )
    stripe_id: Mapped[str | None] = mapped_column(Text, unique=True)  #: ``cus_…``
    email: Mapped[str] = mapped_column(Text)
    #: how often a fetch was asked for, and up to which of these what we have is fresh
    sync_requested: Mapped[int] = mapped_column(BigInteger, default=0)
    sync_done: Mapped[int] = mapped_column(BigInteger, default=0)
    sync_owner: Mapped[UUID | None]
    sync_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    synced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    #: tiers before a fetch whose change plugins were not told of yet: [product, space, tier]
    untold: Mapped[list[list[str]] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class BillingSubscription(Base, SystemOnly):
    """A subscription (``sub_…``) as Stripe had it at the last fetch."""

    __tablename__ = "billing_subscriptions"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("billing_customers.id", ondelete="CASCADE"), index=True
    )
    product: Mapped[str | None] = mapped_column(Text)
    tier: Mapped[str | None] = mapped_column(Text)  #: the ``muse_tier`` of its metadata
    status: Mapped[str] = mapped_column(Text)
    price_id: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int] = mapped_column(default=1)
    currency: Mapped[str] = mapped_column(Text)
    unit_amount: Mapped[int | None] = mapped_column(BigInteger)
    interval: Mapped[str] = mapped_column(Text)
    interval_count: Mapped[int] = mapped_column(default=1)
    current_period_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_at_period_end: Mapped[bool] = mapped_column(default=False)
    cancel_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    trial_end: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    past_due_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: a change that a schedule (``sub_sched_…``) at Stripe makes later: to which price, and when
    schedule_id: Mapped[str | None] = mapped_column(Text)
    next_price_id: Mapped[str | None] = mapped_column(Text)
    changes_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stripe_created: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)


class BillingPrice(Base, SystemOnly):
    """A price (``price_…``) that is for sale here."""

    __tablename__ = "billing_prices"
    __table_args__ = (Index(None, "product", "tier"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    stripe_product: Mapped[str] = mapped_column(Text)
    product: Mapped[str | None] = mapped_column(Text)
    tier: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    unit_amount: Mapped[int | None] = mapped_column(BigInteger)
    interval: Mapped[str] = mapped_column(Text)
    interval_count: Mapped[int] = mapped_column(default=1)
    trial_days: Mapped[int | None]
    active: Mapped[bool]
    nickname: Mapped[str] = mapped_column(Text, default="")
    synced_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class BillingCheckout(Base, SystemOnly):
    """A checkout that somebody began: one at a time for a customer and product.

    ``state`` is ``asked``, ``open``, ``done`` or ``expired``; ``key`` makes asking Stripe twice
    one session.
    """

    __tablename__ = "billing_checkouts"
    __table_args__ = (
        Index(
            None, "customer_id", "product", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    customer_id: Mapped[UUID] = mapped_column(
        ForeignKey("billing_customers.id", ondelete="CASCADE")
    )
    product: Mapped[str] = mapped_column(Text)
    price_id: Mapped[str] = mapped_column(Text)
    key: Mapped[UUID] = mapped_column(default=new_id)
    session_id: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="asked")
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StripeEvent(Base, SystemOnly):
    """An event (``evt_…``) that Stripe told us of, once however often it was sent.

    ``state`` is ``received``, ``done``, ``ignored`` or ``failed``.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (
        Index(None, "state", "received_at"),
        Index(None, "received_at", "id"),
        Index(None, "customer", "received_at", "id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    account: Mapped[str | None] = mapped_column(Text)
    livemode: Mapped[bool]
    customer: Mapped[str | None] = mapped_column(Text)
    stripe_created: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    deliveries: Mapped[int] = mapped_column(default=1)
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    state: Mapped[str] = mapped_column(Text, default="received")
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    processed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
