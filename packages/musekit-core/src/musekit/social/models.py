"""The core's social tables, with the columns of the reference: accounts, posts, profiles.

They are the core's so that they outlive every product. Rows of one space; `user_id` is the author.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.kernel.database.models import Base, Tenant
from musekit.kernel.database.types import Json, TextArray, UtcDateTime, utc_now
from musekit.kernel.ids import new_id

#: The eight states of a post (reference §5). A trigger guards the moves between them.
POST_STATUSES = (
    "draft", "scheduled", "queued", "approved", "posting", "posted", "failed", "ignored",
)  # fmt: skip

#: The 22 moves allowed of the 56; the trigger of migration 0001 repeats this table and a test
#: holds the two together.
POST_MOVES: dict[str, frozenset[str]] = {
    "draft": frozenset({"scheduled", "approved", "ignored"}),
    "scheduled": frozenset({"draft", "approved", "queued", "ignored", "failed"}),
    "approved": frozenset({"draft", "scheduled", "queued", "ignored", "failed"}),
    "queued": frozenset({"posting", "scheduled", "failed"}),
    "posting": frozenset({"posted", "failed", "queued"}),
    "posted": frozenset(),
    "failed": frozenset({"draft", "scheduled"}),
    "ignored": frozenset({"draft"}),
}


class SocialAccount(Base, Tenant):
    """A connected account of a network. One per space and platform."""

    __tablename__ = "social_accounts"
    __table_args__ = (UniqueConstraint("space_id", "platform"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    platform: Mapped[str] = mapped_column(Text)
    platform_user_id: Mapped[str] = mapped_column(Text)
    platform_username: Mapped[str] = mapped_column(Text, default="")
    display_name: Mapped[str] = mapped_column(Text, default="")
    access_token_encrypted: Mapped[str | None] = mapped_column(Text)
    refresh_token_encrypted: Mapped[str | None] = mapped_column(Text)
    token_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scopes: Mapped[list[str]] = mapped_column(TextArray, default=list)
    is_valid: Mapped[bool] = mapped_column(default=True)
    last_validated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(Text)
    connected_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)


class SocialPost(Base, Tenant):
    """A post for one account of one network."""

    __tablename__ = "social_posts"
    __table_args__ = (
        CheckConstraint(f"status IN {POST_STATUSES!r}", name="status"),
        # None holds the state, which changes thrice on a post's way out: each change would be
        # written to every index. Whether a post is out is told by `posted_at` as well.
        Index(None, "space_id", "created_at", "id"),  # read backwards: newest first
        Index("ix_social_posts_unsent", "space_id", "scheduled_at", "id",
              postgresql_where=text("posted_at IS NULL"), sqlite_where=text("posted_at IS NULL")),
        Index(None, "user_id"),
        # One live post is one row. Also serves the foreign key: NULLs never clash.
        Index("uq_social_posts_account_id_platform_post_id", "account_id", "platform_post_id",
              unique=True),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="SET NULL")
    )
    platform: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    media_urls: Mapped[list[str]] = mapped_column(TextArray, default=list)
    status: Mapped[str] = mapped_column(Text, default="draft")
    scheduled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    platform_post_id: Mapped[str | None] = mapped_column(Text)
    engagement_data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error_message: Mapped[str | None] = mapped_column(Text)
    ai_generated: Mapped[bool] = mapped_column(default=False)
    brand_voice: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)


class Profile(Base, Tenant):
    """What a person shows of themselves in a space (the reference's ``profiles``)."""

    __tablename__ = "profiles"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    space_id: Mapped[UUID] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    username: Mapped[str | None] = mapped_column(Text, unique=True, index=True)
    display_name: Mapped[str] = mapped_column(Text, default="")
    bio: Mapped[str | None] = mapped_column(Text)
    avatar_url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
