"""Organizations, their members, settings, and invitations to join."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, Text, exists, text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.guard import OwnRows
from musekit.kernel.database.models import Base, Personal, SystemOnly
from musekit.kernel.database.types import Json, UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class Organization(Base, Personal):
    """Several people with one or more spaces, a client each."""

    __tablename__ = "organizations"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
    deleting_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """Organizations that the actor's user is a member of."""
        member: Any = OrganizationMember.__table__
        mine = OwnRows(member.c.user_id, member.c.user_id == user)
        return exists().where(mine, member.c.organization_id == entity.id)


class OrganizationMember(Base, Personal):
    """A user's role in an organization. Rows of others are read by the system, after a check."""

    __tablename__ = "organization_members"

    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class OrganizationSettings(Base, SystemOnly):
    """Settings as JSON: a row for each organization, and the operator's.

    ``scope`` is ``operator`` or the organization's id. Tier definitions are read from the
    operator's row only.
    """

    __tablename__ = "organization_settings"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope: Mapped[str] = mapped_column(Text, unique=True)
    organization_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class Invitation(Base, SystemOnly):
    """An address asked to join. The link's token is kept as its SHA-256, and works once."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            None, "organization_id", "email_key", unique=True,
            sqlite_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE")
    )
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    #: spaces that an editor or viewer will be in (ids as text)
    space_ids: Mapped[list[str]] = mapped_column(Json, default=list)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    sends: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
