"""Users, their browser sessions, API tokens, and the links that are mailed to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Personal, SystemOnly
from musekit.kernel.database.types import Json, TextArray, UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class User(Base, Personal):
    """A person. ``email`` is kept as typed; ``email_key`` is the case-folded form, unique."""

    __tablename__ = "users"
    __table_args__ = (Index(None, "created_at", "id"),)

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
    #: when the person last proved that they read this address; None: not yet
    email_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  #: set: nobody comes in
    deleting_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  #: set: likewise, for good
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

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
    #: when the person last proved who they are; None: when the session began
    authenticated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: how they came in: `password`, `totp`, `passkey`, the key of an identity provider
    methods: Mapped[list[str] | None] = mapped_column(TextArray)
    #: the operator who acts as this person, and that operator's own session
    impersonator_user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    impersonator_session_id: Mapped[UUID | None]
    #: the organization whose own service let them in: the session enters its spaces alone
    organization_id: Mapped[UUID | None]

    @property
    def by_operator(self) -> bool:
        """True if it is an operator who acts as the person."""
        return self.impersonator_user_id is not None


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
    last_used_ip: Mapped[str | None] = mapped_column(Text)


class OneTimeLink(Base, SystemOnly):
    """A link that was mailed: to prove an address, to set a password. Followed once."""

    __tablename__ = "one_time_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: ``verify_email``, ``reset_password``, ``change_email`` or ``set_up``
    purpose: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    email_key: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
