"""Users, their browser sessions and their API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Personal
from musekit.kernel.database.types import TextArray, UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class User(Base, Personal):
    """A person. ``email`` is kept as typed; ``email_key`` is the case-folded form, unique."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    password_hash: Mapped[str | None] = mapped_column(Text)
    is_operator: Mapped[bool] = mapped_column(default=False)
    #: IANA name; empty until the person, or the browser they sign in by, has named one
    timezone: Mapped[str] = mapped_column(Text, default="")
    locale: Mapped[str] = mapped_column(Text, default="en")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)

    @property
    def zone(self) -> str:
        """The zone that times are shown in."""
        return self.timezone or "UTC"

    @classmethod
    def visible_to(
        cls, entity: Any, user: ColumnElement[UUID], space: ColumnElement[UUID]
    ) -> ColumnElement[bool]:
        """The actor's own row."""
        condition: ColumnElement[bool] = entity.id == user
        return condition


class UserSession(Base, Personal):
    """A signed-in browser. The cookie carries a random secret; its SHA-256 is the key here."""

    __tablename__ = "user_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    csrf_token: Mapped[str] = mapped_column(Text)
    ip: Mapped[str] = mapped_column(Text, default="")
    user_agent: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ApiToken(Base, Personal):
    """A personal API token, bound to a space. Only the SHA-256 of its secret is kept."""

    __tablename__ = "api_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)  #: first characters, to recognise it by
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[list[str]] = mapped_column(TextArray)  #: permissions it is cut down to
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
