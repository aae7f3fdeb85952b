"""The caps once more when posts come due: a space that has moved down may have planned too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from musekit.api import Actor, Host, SocialPost, Space
from passivepost.posts import caps, clock
from passivepost.publishing.sql import Statement, Unit
from passivepost.tiers import PRODUCT, allowances, least_limit

SYSTEM = Actor.system("caps")
# A batch, not an IN of hundreds, which SQLAlchemy writes out anew each time. NULL is no limit.
_ABOVE = Statement(
    """
    SELECT u.period, u.space_id, u.used FROM {r} JOIN usage_counters u ON u.space_id = r.space
    WHERE u.product = :product AND u.metric = :metric AND :periods LIKE '%,' || u.period || ',%'
    AND u.used > CASE length(u.period) WHEN 10 THEN CAST(:daily AS integer)
                 ELSE CAST(:monthly AS integer) END
    """,
    batch={"space": "uuid"},
    returns=("text", "uuid", "int"),
)
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
        # Whatever the zone, a post's day is one of three. Where nobody has planned too much,
        # nobody's zone is asked for.
        dates = {each.due_at.date() for each in due}
        near = {str(date + timedelta(days=shift)) for date in dates for shift in (-1, 0, 1)}
        least = {length: least_limit(host, name) for length, name in caps.LIMITS.items()}
        with host.database.session(SYSTEM, readonly=True, single=True) as session:
            used = _above(session, least, {each.space_id for each in due}, near)
        allowed = allowances(host, {space for _, space, _ in used})
        full = [
            (period, space)
            for period, space, count in used
            if _passes(count, allowed[space].limit(caps.LIMITS[len(period)]))
        ]
        if not full:
            return ()
        with host.database.session(SYSTEM, readonly=True) as session:
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


def _above(
    session: Session,
    least: Mapping[int, int | None],
    spaces: Collection[UUID],
    days: Iterable[str],
) -> list[tuple[str, UUID, int]]:
    """Return period, space and count where it is above what the smallest of all tiers carries.

    Those are few, and the tiers of all others need not be asked for.

    Args:
        least: length of a period → the smallest limit; None: unlimited.
    """
    if not any(limit is not None for limit in least.values()):
        return []
    rows = Unit(session.connection()).run(
        _ABOVE,
        [(space,) for space in spaces],
        product=PRODUCT,
        metric=caps.POSTS,
        periods=f",{','.join({part for day in days for part in (day, day[: caps.MONTH])})},",
        daily=least[caps.DAY],
        monthly=least[caps.MONTH],
    )
    return sorted(rows)


def _passes(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


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
