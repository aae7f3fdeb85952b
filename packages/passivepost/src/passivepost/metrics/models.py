"""Counts of posts over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Json, Tenant, UtcDateTime
from passivepost.models import Base


class PostMetric(Base, Tenant):
    """One reading of one post. None where the network does not tell."""

    __tablename__ = "post_metrics"

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    likes: Mapped[int | None] = mapped_column()
    comments: Mapped[int | None] = mapped_column()
    shares: Mapped[int | None] = mapped_column()
    impressions: Mapped[int | None] = mapped_column()
    extra: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
