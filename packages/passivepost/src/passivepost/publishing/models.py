"""The due queue and the ledger of attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Json, Tenant, UtcDateTime
from passivepost.models import Base

#: Why a due post is not being sent. Each has one sentence in the pages (`publishing/words.py`).
HOLDS = (
    "reconnect", "rate_limited", "quota", "platform_down", "media_missing", "paused",
    "platform_missing", "late", "misconfigured",
)  # fmt: skip


class PublishState(Base, Tenant):
    """One row per scheduled post: the due queue. The database is the queue of record.

    A row is *due* when ``next_attempt_at`` has come and neither `hold` nor `review` is set; it is
    *in flight* while `lease_until` is set. At most one row per account is in flight (unique
    partial index).
    """

    __tablename__ = "publish_state"

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    account_id: Mapped[UUID | None] = mapped_column()  #: None: the account is gone
    platform: Mapped[str] = mapped_column(Text)
    #: Follows the post's status while it is in the publisher's hands:
    #: waiting (not yet due) → queued → posting → done.
    stage: Mapped[str] = mapped_column(Text, default="waiting")
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)  #: what the person chose
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column()
    content_hash: Mapped[str] = mapped_column(Text)
    publish_key: Mapped[UUID] = mapped_column()  #: new at each scheduling, kept over attempts
    hold: Mapped[str | None] = mapped_column(Text)
    hold_detail: Mapped[str | None] = mapped_column(Text)
    review: Mapped[str | None] = mapped_column(Text)  #: None | unconfirmed | resolved
    failure_kind: Mapped[str | None] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)  #: errors before the send, counted to 3
    #: Leases lost while it was being prepared (`preparing`), with nothing armed.
    crashes: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)  #: armed so far, all in the ledger
    armed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  #: the first of them
    #: Set while code of the platform prepares it: a crash then may be this post's doing.
    preparing: Mapped[bool] = mapped_column(default=False)
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What the platform noted: media ids, record keys, ids of posted parts.
    progress: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    reconcile_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  #: next read-back
    reconciles: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PublishAttempt(Base, Tenant):
    """One armed send. Written before the call, closed once with its outcome, never deleted.

    Outcomes: ``confirmed``, ``not_sent``, ``rejected``, ``duplicate``, ``unknown``,
    ``reconciled_live``, ``reconciled_absent``, ``resolved_live``, ``resolved_absent``.
    """

    __tablename__ = "publish_attempts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    post_id: Mapped[UUID] = mapped_column()
    n: Mapped[int] = mapped_column()
    publish_key: Mapped[UUID] = mapped_column()
    account_id: Mapped[UUID | None] = mapped_column()
    lease_token: Mapped[int] = mapped_column()
    content_hash: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    armed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    responded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    http_status: Mapped[int | None] = mapped_column()
    platform_post_id: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    error_class: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)  #: the network's words, redacted
    retry_after: Mapped[float | None] = mapped_column()  #: seconds
    worker: Mapped[str] = mapped_column(Text)
    code_version: Mapped[str] = mapped_column(Text)
