"""The caps once more when posts come due: a space that has moved down may have planned too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.api import Actor, Host, SocialPost, Space
from passivepost.posts import caps, clock
from passivepost.posts.models import UsageCount
from passivepost.tiers import Allowance, allowance

SYSTEM = Actor.system("caps")
#: States of posts that have used up their share of a day.
GONE = ("queued", "posting", "posted")


class DuePost(Protocol):
    """What is to be known of a due post."""

    @property
    def post_id(self) -> UUID:
        """Its id."""

    @property
    def space_id(self) -> UUID:
        """Its space."""

    @property
    def due_at(self) -> datetime:
        """When it is due."""


def over_cap(host: Host) -> Callable[[Sequence[DuePost]], Collection[UUID]]:
    """Return a function that says which due posts the tier of their space does not carry.

    It asks in batches, and looks closer only at spaces that have planned more than they may.
    """

    def judge(due: Sequence[DuePost]) -> Collection[UUID]:
        spaces = list({each.space_id for each in due})
        allowed = {space: allowance(host, space) for space in spaces}
        with host.database.session(SYSTEM, readonly=True) as session:
            # Whatever the zone, a post's day is one of three. Where nobody has planned too much,
            # nobody's zone is asked for.
            dates = {each.due_at.date() for each in due}
            near = {str(date + timedelta(days=shift)) for date in dates for shift in (-1, 0, 1)}
            full = _planned_too_much(session, allowed, near)
            if not full:
                return ()
            zones: dict[UUID, str] = {
                row.id: row.timezone
                for row in session.execute(
                    select(Space.id, Space.timezone).where(Space.id.in_({s for _, s in full}))
                )
            }
            days = {
                e.post_id: clock.day_of(e.due_at, zones[e.space_id])
                for e in due
                if e.space_id in zones
            }
            over: set[UUID] = set()
            for period, space in full:
                posts = [
                    each
                    for each in due
                    if each.space_id == space
                    and days[each.post_id].startswith(period)
                    and each.post_id not in over
                ]
                limit = allowed[space].limit(caps.LIMITS[len(period)]) or 0
                left = max(0, limit - _gone(session, space, zones[space], period))
                over.update(each.post_id for each in sorted(posts, key=_order)[left:])
            return over

    return judge


def _order(each: DuePost) -> tuple[datetime, UUID]:
    return each.due_at, each.post_id


def _planned_too_much(
    session: Session, allowed: dict[UUID, Allowance], days: Iterable[str]
) -> list[tuple[str, UUID]]:
    periods = {part for day in days for part in (day, day[:7])}
    found = []
    for row in session.execute(
        select(UsageCount.space_id, UsageCount.period, UsageCount.used).where(
            UsageCount.space_id.in_(list(allowed)),
            UsageCount.metric == caps.POSTS,
            UsageCount.period.in_(periods),
        )
    ):
        limit = allowed[row.space_id].limit(caps.LIMITS[len(row.period)])
        if limit is not None and row.used > limit:
            found.append((row.period, row.space_id))
    return sorted(found, key=lambda each: (each[0], str(each[1])))


def _gone(session: Session, space: UUID, zone: str, period: str) -> int:
    """Return how many posts of a day or month have gone out, or are on their way."""
    first = period if len(period) == 10 else f"{period}-01"
    begin = clock.instant(datetime.fromisoformat(first), zone)
    noon = begin + timedelta(hours=12)
    end = clock.next_day(noon, zone) if len(period) == 10 else clock.next_month(noon, zone)
    counted: Counter[str] = Counter()
    for row in session.execute(
        select(SocialPost.status, func.count().label("n"))
        .where(
            SocialPost.space_id == space,
            SocialPost.scheduled_at >= begin,
            SocialPost.scheduled_at < end,
            SocialPost.status.in_(GONE),
        )
        .group_by(SocialPost.status)
    ):
        counted[row.status] += row.n
    return counted.total()
