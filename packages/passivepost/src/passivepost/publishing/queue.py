"""The queue as people see it: what goes out next, and what waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.api import SocialAccount
from passivepost.models import PostRow, in_state
from passivepost.pages.looks import sentence_of, state_of
from passivepost.posts.models import PostDetails
from passivepost.publishing.models import PublishState

LIVE = ("scheduled", "approved", "queued", "posting")
#: Held by the network for a while: it goes on by itself, nobody has to do anything.
PASSING = ("rate_limited", "platform_down")
SHOWN = 100

_COLUMNS = (
    PostRow.id, PostRow.platform, PostRow.content, PostRow.media_urls, PostRow.status,
    PostRow.scheduled_at, PostRow.ai_generated, PublishState.hold, PublishState.review,
    PublishState.updated_at.label("moved_at"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Queued:
    """One post of the queue."""

    id: UUID
    platform: str
    content: str
    media: int
    parts: int
    at: datetime | None
    state: str
    hold: str | None
    sentence: str
    username: str
    moved_at: datetime | None

    @property
    def needs_somebody(self) -> bool:
        """True when a person has to act before it goes on."""
        return self.state == "unconfirmed" or (self.state == "held" and self.hold not in PASSING)


@dataclass(frozen=True, kw_only=True)
class Day:
    """The posts of one day in the person's zone."""

    day: date
    name: str  #: today, tomorrow, or empty
    posts: list[Queued]


def queue(session: Session, space_id: UUID | None, *, limit: int = SHOWN) -> list[Queued]:
    """Return what is to go out, next first; at most `limit`."""
    rows = session.execute(
        select(*_COLUMNS, PostDetails.parts, PublishState, SocialAccount.platform_username)
        .outerjoin(PublishState, PublishState.post_id == PostRow.id)
        .outerjoin(PostDetails, PostDetails.post_id == PostRow.id)
        .outerjoin(SocialAccount, SocialAccount.id == PostRow.account_id)
        .where(PostRow.space_id == space_id, in_state(PostRow, LIVE))
        .order_by(PostRow.scheduled_at, PostRow.id)
        .limit(limit)
    ).all()
    return [_queued(row) for row in rows]


def size(session: Session, space_id: UUID | None) -> int:
    """Return how many posts are to go out."""
    found = session.scalar(
        select(func.count())
        .select_from(PostRow)
        .where(PostRow.space_id == space_id, in_state(PostRow, LIVE))
    )
    return found or 0


def state_row(session: Session, post_id: UUID) -> PublishState | None:
    """Return what the publisher knows of a post of this space; None where it knows nothing."""
    return session.get(PublishState, post_id)


def by_day(posts: list[Queued], zone: str, now: datetime) -> list[Day]:
    """Return posts in groups by their day in a zone."""
    tz = ZoneInfo(zone)
    today = now.astimezone(tz).date()
    names = {today: "today", today + timedelta(days=1): "tomorrow"}
    days: dict[date, list[Queued]] = {}
    for post in posts:
        days.setdefault((post.at or now).astimezone(tz).date(), []).append(post)
    return [Day(day=day, name=names.get(day, ""), posts=found) for day, found in days.items()]


def _queued(row: Any) -> Queued:
    post = {"status": row.status, "hold": row.hold, "review": row.review}
    return Queued(
        id=row.id,
        platform=row.platform,
        content=row.content,
        media=len(row.media_urls or ()),
        parts=len(row.parts or (1,)),
        at=row.scheduled_at,
        state=state_of(post),
        hold=row.hold,
        sentence=sentence_of(post, state=row.PublishState),
        username=row.platform_username or "",
        moved_at=row.moved_at,
    )
