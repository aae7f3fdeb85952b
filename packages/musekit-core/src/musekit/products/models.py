"""Tiers given by hand, what a space has used of a tier, and changes still to be told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, SystemOnly, Tenant
from musekit.kernel.database.types import Json, UtcDateTime, utc_now
from musekit.kernel.ids import new_id

_OF_USER, _OF_ORGANIZATION = text("user_id IS NOT NULL"), text("organization_id IS NOT NULL")
_TO_WARN = text("warned_at IS NULL AND used >= warn_at")


class ProductGrant(Base, SystemOnly):
    """A tier of a product given to an owner: a person, or an organization."""

    __tablename__ = "product_grants"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (organization_id IS NULL)", name="owner"),
        Index(
            None, "product", "user_id", unique=True, sqlite_where=_OF_USER,
            postgresql_where=_OF_USER,
        ),
        Index(
            None, "product", "organization_id", unique=True, sqlite_where=_OF_ORGANIZATION,
            postgresql_where=_OF_ORGANIZATION,
        ),
        Index(None, "product", "created_at", "id"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    tier: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text, default="")
    granted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class UsageCounter(Base, Tenant):
    """How much of a metric a space has used in a period, such as ``2026-11-23`` or ``2026-11``."""

    __tablename__ = "usage_counters"
    __table_args__ = (
        CheckConstraint("used >= 0", name="used"),
        CheckConstraint("reserved >= 0", name="reserved"),
        Index(
            "ix_usage_counters_to_warn", "period", sqlite_where=_TO_WARN, postgresql_where=_TO_WARN
        ),
    )

    space_id: Mapped[UUID] = mapped_column(
        ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True
    )
    product: Mapped[str] = mapped_column(Text, primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved: Mapped[int] = mapped_column(BigInteger, default=0)
    warn_at: Mapped[int | None] = mapped_column(BigInteger)  #: its owner is told from here on
    warned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UsageReservation(Base, Tenant):
    """An amount set aside for work that is under way; given back when it expires."""

    __tablename__ = "usage_reservations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    product: Mapped[str] = mapped_column(Text)
    metric: Mapped[str] = mapped_column(Text)
    periods: Mapped[list[str]] = mapped_column(Json)
    amount: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  #: given back at expiry
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class PlanChange(Base, SystemOnly):
    """A change of tiers that is still to be told of; see `musekit.products.untold`."""

    __tablename__ = "plan_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    product: Mapped[str] = mapped_column(Text)
    #: ``{"spaces": {id: tier before}}``, or ``{"before": [tier…], "after": [tier…]}``.
    change: Mapped[dict[str, Any]] = mapped_column(Json)
    #: The last space that was told, in the order of ids. No foreign key: it may be gone by then.
    told_up_to: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=utc_now, onupdate=utc_now, index=True
    )
