"""What PassivePost keeps of a post beside the core's columns, and what counts against caps."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from musekit.api import Json, Tenant, UtcDateTime
from passivepost.models import Base


class PostDetails(Base, Tenant):
    """One row per post: further parts of a thread, media facts, the wall-clock time it was meant
    for, and the revision that approvals and the publisher hold on to."""

    __tablename__ = "post_details"

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    space_id: Mapped[UUID] = mapped_column()
    #: Parts in order, the first included: ``[{"text", "media": [{"url", "alt", "mime", "size",
    #: "width", "height", "digest"}]}]``. ``social_posts.content`` repeats the first text.
    parts: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    revision: Mapped[int] = mapped_column(default=1)  #: +1 at each change of content or time
    content_hash: Mapped[str] = mapped_column(Text)  #: SHA-256 (hex) of parts and options
    timezone: Mapped[str] = mapped_column(Text, default="UTC")  #: IANA name
    wall_time: Mapped[str | None] = mapped_column(Text)  #: ``2026-11-23T09:00``, as chosen
    #: Id of the parts posted so far, when a thread was interrupted.
    posted_ids: Mapped[list[str]] = mapped_column(Json, default=list)
    post_url: Mapped[str | None] = mapped_column(Text)
    #: The day of the space's calendar (``2026-11-23``) this post is counted on; None: on none.
    counted_on: Mapped[str | None] = mapped_column(Text)
    #: ``platform_user_id`` of the account that was disconnected under this post, if one was: a
    #: post goes on by itself only when that very account comes back.
    disconnected_from: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UsageCount(Base, Tenant):
    """Counts of use as they were kept up to 0.1: nothing reads or writes them any more.

    They are in the core's ``usage_counters`` now. The table goes with the release after this one;
    until then a deployment can go back (`migrations/versions/passivepost_0003_usage.py`).
    """

    __tablename__ = "usage_counts"

    space_id: Mapped[UUID] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(Text, primary_key=True)  #: ``posts``, ``ai``
    period: Mapped[str] = mapped_column(Text, primary_key=True)
    used: Mapped[int] = mapped_column(default=0)
