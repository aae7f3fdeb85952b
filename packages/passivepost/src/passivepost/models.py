"""PassivePost's declarative base, and its view of the core's ``social_posts``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from musekit.api import Json, SocialPost, Tenant, TextArray, UtcDateTime, plugin_base

if TYPE_CHECKING:  # a class made by a function is no type to a type checker

    class Base(DeclarativeBase):
        """Base of PassivePost's tables."""

else:
    Base = plugin_base()


class PostRow(Base, Tenant):
    """``social_posts`` as PassivePost reads it: the core's columns and its own two.

    Mapped here, on PassivePost's own MetaData, so that the core's class gains nothing. Rows are
    added and deleted through `musekit.api.SocialPost`; through this class only ``trend_source``
    and ``niche_triggered`` are written.
    """

    __tablename__ = "social_posts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    user_id: Mapped[UUID] = mapped_column()
    account_id: Mapped[UUID | None] = mapped_column()
    platform: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    media_urls: Mapped[list[str]] = mapped_column(TextArray)
    status: Mapped[str] = mapped_column(Text)
    scheduled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    platform_post_id: Mapped[str | None] = mapped_column(Text)
    engagement_data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error_message: Mapped[str | None] = mapped_column(Text)
    ai_generated: Mapped[bool] = mapped_column()
    brand_voice: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The two extension columns: where the idea of a post came from.
    trend_source: Mapped[str | None] = mapped_column(Text)
    niche_triggered: Mapped[str | None] = mapped_column(Text)


def in_state(post: type[PostRow | SocialPost], states: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a post is in one of these states, so that an index serves it.

    No index holds the state itself; that of a space's unsent posts goes by `posted_at`, which is
    set with the state ``posted`` and never otherwise.
    """
    found = post.status.in_(states)
    return found if "posted" in states else found & post.posted_at.is_(None)
