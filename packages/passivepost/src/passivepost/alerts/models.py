"""Trends that were seen, and what was done about them (reference §5, ``alert_logs``)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Tenant, UtcDateTime, new_id
from passivepost.models import Base


class AlertLog(Base, Tenant):
    """One trend, shown to one user."""

    __tablename__ = "alert_logs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column()
    user_id: Mapped[UUID] = mapped_column()
    org_id: Mapped[UUID | None] = mapped_column()
    trend_text: Mapped[str] = mapped_column(Text)
    suggested_post_id: Mapped[UUID | None] = mapped_column()
    action_taken: Mapped[str | None] = mapped_column(Text)  #: approved, ignored …
    platform: Mapped[str] = mapped_column(Text)
    source_url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
