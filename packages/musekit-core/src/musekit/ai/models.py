"""Which model answers, and the ledger of calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Guarded, SystemOnly
from musekit.kernel.database.types import UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class AIConfiguration(Base, SystemOnly):
    """A provider set up by the operator (``scope`` is ``operator``) or by an organization."""

    __tablename__ = "ai_configs"
    __table_args__ = (UniqueConstraint("scope", "provider"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope: Mapped[str] = mapped_column(Text)
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    provider: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text, default="")
    base_url: Mapped[str] = mapped_column(Text, default="")
    model: Mapped[str] = mapped_column(Text, default="")
    key_encrypted: Mapped[str | None] = mapped_column(Text)
    timeout_seconds: Mapped[int] = mapped_column(default=60)
    is_default: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class AICallRecord(Base, Guarded):
    """A call of a model. Its space reads it, the system writes it; it outlives the space.

    ``source`` is ``provider`` or ``offline``; ``state`` is ``started``, ``done``, ``failed`` or
    ``cut``. A cost of None: the price of the model is not known.
    """

    __tablename__ = "ai_calls"
    __table_args__ = (
        Index(None, "in_space_id", "started_at", "id"),
        Index(None, "started_at", "id"),
    )
    musekit_writable = False

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    in_space_id: Mapped[UUID]
    in_organization_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    product: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    own_key: Mapped[bool] = mapped_column(default=False)
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cost_micros: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, default="started")
    error_class: Mapped[str | None] = mapped_column(Text)
    first_token_ms: Mapped[int | None]
    duration_ms: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Calls of the actor's space."""
        condition: ColumnElement[bool] = entity.in_space_id == space
        return condition
