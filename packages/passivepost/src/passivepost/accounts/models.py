"""What PassivePost keeps of connections beside the core's ``social_accounts``."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Tenant, UtcDateTime, new_id
from passivepost.models import Base


class OAuthFlow(Base, Tenant):
    """A connection under way: started, not yet called back. Single use, minutes of life.

    ``session_id`` is None while a connection asked for by token waits for its browser session.
    """

    __tablename__ = "oauth_flows"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column()
    user_id: Mapped[UUID] = mapped_column()
    session_id: Mapped[UUID | None] = mapped_column()
    platform: Mapped[str] = mapped_column(Text)
    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32))  #: SHA-256 of state or ticket
    verifier_encrypted: Mapped[str] = mapped_column(Text)
    redirect_uri: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AccountState(Base, Tenant):
    """Version of an account's tokens, and the lease of the one refresh allowed at a time."""

    __tablename__ = "account_state"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    token_version: Mapped[int] = mapped_column(default=1)
    refreshed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refresh_owner: Mapped[UUID | None] = mapped_column()
    refresh_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PlatformHealth(Base):
    """The last known state of a platform, for everybody: no row of it belongs to a space."""

    __tablename__ = "platform_health"

    platform: Mapped[str] = mapped_column(Text, primary_key=True)
    status: Mapped[str] = mapped_column(Text)  #: ok | degraded | down | unknown
    detail: Mapped[str] = mapped_column(Text, default="")
    latency_ms: Mapped[int | None] = mapped_column()
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
