"""Caps of the tier: counted in the caller's transaction, for the day and month of the schedule.

A post counts from the moment it is scheduled; a draft does not. What was counted is written on
the post (``post_details.counted_on``), so that taking it back gives back exactly that.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import cache
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from musekit.api import LimitReachedError
from passivepost.posts import clock
from passivepost.posts.models import UsageCount
from passivepost.tiers import Allowance

POSTS = "posts"
#: Lengths of the names of periods: ``2026-11-23``, ``2026-11``.
DAY, MONTH = 10, 7
LIMITS = {DAY: "posts_per_day", MONTH: "posts_per_month"}
#: Stands for no limit where SQL compares; the column's type holds no more.
_NONE = 2**31 - 1
_WORDS = {"posts_per_day": "posts a day", "posts_per_month": "posts a month"}


def count(
    session: Session,
    allowed: Allowance,
    space_id: UUID,
    zone: str,
    *,
    before: str | None,
    at: datetime | None,
    amount: int = 1,
) -> str | None:
    """Move a post's count from one day to another, or take it up or back.

    Args:
        zone: the space's time zone, whose days and months count.
        before: the day it is counted on now; None: on none.
        at: when it is to go out; None: it shall not count any more.
        amount: how many posts, all for the same time.

    Returns:
        The day it is counted on from now on.

    Raises:
        LimitReachedError: a cap is reached; nothing was changed once the caller rolls back.
    """
    after = clock.day_of(at, zone) if at is not None else None
    changes: Counter[str] = Counter()
    for day, sign in ((before, -amount), (after, amount)):
        if day is not None:
            changes[day] += sign
            changes[day[:7]] += sign
    # In the order of their names: two units of work lock the same rows in the same order.
    periods = sorted(period for period, amount_ in changes.items() if amount_)
    refused = None
    if before is None and periods:
        refused = _take_up(session, allowed, space_id, periods, amount)
    else:
        for period in periods:
            limit = allowed.limit(LIMITS[len(period)])
            if not change(session, space_id, POSTS, period, by=changes[period], limit=limit):
                refused = period
                break
    if refused is not None:
        assert at is not None
        _refuse(session, allowed, space_id, zone=zone, period=refused, at=at)
    return after


def _take_up(
    session: Session, allowed: Allowance, space_id: UUID, periods: list[str], amount: int
) -> str | None:
    """Add to the day and the month in one statement; return the first that would pass its cap.

    The rows are locked in the order given.
    """
    limits = {period: allowed.limit(LIMITS[len(period)]) for period in periods}
    for period, limit in limits.items():
        if limit is not None and amount > limit:
            return period
    most = {len(period): _NONE if limit is None else limit for period, limit in limits.items()}
    postgres = session.get_bind().dialect.name == "postgresql"
    rows = [
        {"space_id": space_id, "metric": POSTS, "period": period, "used": amount}
        for period in periods
    ]
    done = set(session.scalars(_adding(postgres, most[DAY], most[MONTH]), rows))
    return next((period for period in periods if period not in done), None)


@cache
def _adding(postgres: bool, a_day: int, a_month: int) -> Any:
    """Return the statement that adds to counts within their caps, and returns their periods.

    There is one per tier; making it anew would cost as much as running it.
    """
    statement: Any = (postgresql.insert if postgres else sqlite.insert)(UsageCount)
    total = UsageCount.used + statement.excluded.used
    most = case((func.length(UsageCount.period) == DAY, a_day), else_=a_month)
    return statement.on_conflict_do_update(
        index_elements=["space_id", "metric", "period"], set_={"used": total}, where=total <= most
    ).returning(UsageCount.period)


def used(session: Session, space_id: UUID, metric: str, periods: list[str]) -> dict[str, int]:
    """Return how much is used in each of the periods."""
    rows = session.execute(
        select(UsageCount.period, UsageCount.used).where(
            UsageCount.space_id == space_id,
            UsageCount.metric == metric,
            UsageCount.period.in_(periods),
        )
    )
    found = {row.period: row.used for row in rows}
    return {period: found.get(period, 0) for period in periods}


def change(
    session: Session, space_id: UUID, metric: str, period: str, *, by: int, limit: int | None
) -> bool:
    """Add to a count unless that passes the limit; False if it would, and nothing was added.

    Those who race are queued up by the row's lock.

    Args:
        metric: what is counted, such as ``posts`` or ``ai``.
        period: a day or a month.
        by: how much; less than 0 gives back.
        limit: None is unlimited.
    """
    row = (
        UsageCount.space_id == space_id,
        UsageCount.metric == metric,
        UsageCount.period == period,
    )
    statement = update(UsageCount).where(*row).execution_options(synchronize_session=False)
    if by < 0:
        session.execute(
            statement.values(used=case((UsageCount.used + by < 0, 0), else_=UsageCount.used + by))
        )
        return True
    if limit is not None:
        statement = statement.where(UsageCount.used + by <= limit)
    statement = statement.values(used=UsageCount.used + by).returning(UsageCount.used)
    if session.execute(statement).first() is not None:
        return True
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(
        insert(UsageCount)
        .values(space_id=space_id, metric=metric, period=period, used=0)
        .on_conflict_do_nothing()
    )
    return session.execute(statement).first() is not None


def _refuse(
    session: Session, allowed: Allowance, space_id: UUID, *, zone: str, period: str, at: datetime
) -> NoReturn:
    name = LIMITS[len(period)]
    daily = len(period) == DAY
    resets = clock.next_day(at, zone) if daily else clock.next_month(at, zone)
    now = datetime.now(UTC)
    current = clock.day_of(now, zone).startswith(period)
    count_now = used(session, space_id, POSTS, [period])[period]
    limit = allowed.limit(name)
    upgrade = None
    hint = "Choose another day." if daily else "Choose another month."
    if allowed.upgrade is not None:
        more = allowed.upgrade.limits.get(name, 0)
        upgrade = {"tier": allowed.upgrade.key, "label": allowed.upgrade.label, "limit": more}
        hint = f"{hint[:-1]}, or move up to {allowed.upgrade.label}."
    raise LimitReachedError(
        f"{allowed.tier.label} allows {limit} {_WORDS[name]}; {count_now} are scheduled for"
        f" {period}. Nothing was scheduled or changed. {hint}",
        retry_after=(resets - now).total_seconds() if current else None,
        limit=name,
        max=limit,
        used=count_now,
        period=period,
        resets_at=resets.isoformat(),
        tier=allowed.tier.key,
        upgrade=upgrade,
    )
