"""Spaces, the tenants, and who belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Text, exists, or_
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.guard import OwnRows
from musekit.kernel.database.models import Base, Personal
from musekit.kernel.database.types import UtcDateTime, utc_now
from musekit.kernel.ids import new_id
from musekit.organizations.models import Organization


class Space(Base, Personal):
    """A tenant: one personal space per user; an organization has one or more, a client each."""

    __tablename__ = "spaces"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    #: The user whose personal space this is, else None.
    personal_user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), unique=True
    )
    #: The organization it belongs to, else None.
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey(Organization.id, ondelete="CASCADE"), index=True
    )
    timezone: Mapped[str] = mapped_column(Text, default="UTC")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Spaces that the actor's user is a member of."""
        member: Any = SpaceMember.__table__
        mine = OwnRows(member.c.user_id, member.c.user_id == user)
        return exists().where(mine, member.c.space_id == entity.id)


class SpaceMember(Base, Personal):
    """A user's role in a space (`musekit.declarations.ROLES`)."""

    __tablename__ = "space_members"

    space_id: Mapped[UUID] = mapped_column(
        ForeignKey("spaces.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """The actor's own memberships, and the members of the actor's space."""
        return or_(entity.user_id == user, entity.space_id == space)
