"""The table behind ``Idempotency-Key``."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Tenant
from musekit.kernel.database.types import Json, UtcDateTime
from musekit.kernel.ids import new_id


class IdempotencyRecord(Base, Tenant):
    """One key of one actor on one route: claimed before the work, finished after it.

    ``status`` is None while the work runs; ``holder`` is who claimed it, so that a request that
    outlived its lease cannot overwrite its successor's answer. ``body`` is None when the answer
    may not be kept (it held a secret, or was too large): then a repeat is told so.
    """

    __tablename__ = "idempotency_records"
    __table_args__ = (UniqueConstraint("space_id", "user_id", "method", "path", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    method: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    holder: Mapped[UUID]
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None] = mapped_column(Json)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
