"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Guarded
from musekit.kernel.database.types import Json, UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class AuditEntry(Base, Guarded):
    """That somebody did something. Added, never changed: triggers refuse even the system.

    It points to nothing, for it outlives everybody; it holds ids, and no addresses.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "in_space_id", "at", "id"),
        Index(None, "in_organization_id", "at", "id"),
        Index(None, "actor_user_id", "at", "id"),
        Index(None, "target_id", "at", "id"),
        Index(None, "at", "id"),
        Index(None, "action", "at"),
    )
    musekit_writable = False

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_user_id: Mapped[UUID | None]
    impersonator_id: Mapped[UUID | None]
    token_id: Mapped[UUID | None]
    via: Mapped[str] = mapped_column(Text, default="")
    in_space_id: Mapped[UUID | None]
    in_organization_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(Text)  #: ``<thing>.<verb>``, such as ``token.revoked``
    target_kind: Mapped[str] = mapped_column(Text, default="")
    target_id: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    ip: Mapped[str] = mapped_column(Text, default="")
    request_id: Mapped[str] = mapped_column(Text, default="")

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Entries of the actor's space."""
        condition: ColumnElement[bool] = entity.in_space_id == space
        return condition

    @classmethod
    def may_add(cls, row: Any, user: UUID | None, space: UUID | None) -> bool:
        """A user's session adds what this user did in this space."""
        here: bool = None not in (user, space) and row.in_space_id == space
        return here and bool(row.actor_user_id == user)
