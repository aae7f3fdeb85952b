"""What the deployment knows of itself: its name, and what each plugin's migrations made."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base
from musekit.kernel.database.types import Json, UtcDateTime, utc_now


class PluginRecord(Base):
    """What a plugin's migrations made, so that it can be removed when its code is gone."""

    __tablename__ = "musekit_plugins"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    distribution: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    revision: Mapped[str | None] = mapped_column(Text)
    owned: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Deployment(Base):
    """The one row that names this deployment: a copy of its database is recognised by it."""

    __tablename__ = "deployment"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    instance_id: Mapped[UUID] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    #: the instance id, encrypted: opens only with a key of this deployment
    key_check: Mapped[str | None] = mapped_column(Text)
