"""Who a person is elsewhere, and the flows by which they come in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Personal, SystemOnly
from musekit.kernel.database.types import UtcDateTime, utc_now
from musekit.kernel.ids import new_id


class UserIdentity(Base, Personal):
    """A person as an identity provider knows them: ``issuer`` and ``subject`` never change."""

    __tablename__ = "user_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    email_verified: Mapped[bool]
    #: the organization whose provider it is; it may be entered by this identity alone
    organization_id: Mapped[UUID | None]
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInFlow(Base, SystemOnly):
    """A sign-in of several steps, bound to the browser that began it."""

    __tablename__ = "sign_in_flows"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: ``federated``, ``second_factor``, ``passkey``, ``passkey_new`` or ``reset_request``
    kind: Mapped[str] = mapped_column(Text)
    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    session_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    provider: Mapped[str | None] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)  #: ``sign_in``, ``link`` or ``reauth``
    secret_encrypted: Mapped[str | None] = mapped_column(Text)
    next: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
