"""Mail to be sent, and addresses that want none."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, SystemOnly
from musekit.kernel.database.types import UtcDateTime, utc_now
from musekit.kernel.ids import new_id

_DUE = text("state IN ('queued', 'sending')")


class OutboxMail(Base, SystemOnly):
    """A mail, written in the same unit of work as its cause, sent by a job afterwards.

    ``state`` is ``queued``, ``sending``, ``sent``, ``failed`` or ``suppressed``. ``uncertain``: a
    connection broke where the receiver may have taken it; it went again under the same
    ``message_id``.
    """

    __tablename__ = "email_outbox"
    __table_args__ = (
        Index("ix_email_outbox_due", "next_attempt_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index(None, "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    dedupe_key: Mapped[str | None] = mapped_column(Text, unique=True)
    template: Mapped[str] = mapped_column(Text)
    category: Mapped[str] = mapped_column(Text, default="transactional")
    to_email: Mapped[str] = mapped_column(Text)
    to_name: Mapped[str] = mapped_column(Text, default="")
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
    in_space_id: Mapped[UUID | None]
    subject: Mapped[str] = mapped_column(Text)
    body_encrypted: Mapped[str | None] = mapped_column(Text)  #: links in it are secrets
    state: Mapped[str] = mapped_column(Text, default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    lease_owner: Mapped[UUID | None]
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provider: Mapped[str | None] = mapped_column(Text)
    provider_ref: Mapped[str | None] = mapped_column(Text)
    uncertain: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Suppression(Base, SystemOnly):
    """An address that gets no mail of a category; ``*``: of none.

    ``reason`` is ``bounce``, ``complaint``, ``unsubscribed`` or ``operator``.
    """

    __tablename__ = "email_suppressions"
    __table_args__ = (Index(None, "created_at", "email_key", "category"),)

    email_key: Mapped[str] = mapped_column(Text, primary_key=True)
    category: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
