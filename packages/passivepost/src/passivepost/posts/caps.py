"""Caps of the tier: counted in the caller's transaction, for the day and month of the schedule.

A post counts from the moment it is scheduled; a draft does not. What was counted is written on
the post (``post_details.counted_on``), so that taking it back gives back exactly that. The counts
are the core's (`musekit.api.usage`), of the metric ``posts``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from musekit.api import usage
from passivepost.posts import clock
from passivepost.tiers import PRODUCT, Allowance

POSTS = "posts"
#: Lengths of the names of periods: ``2026-11-23``, ``2026-11``.
DAY, MONTH = 10, 7
LIMITS = {DAY: "posts_per_day", MONTH: "posts_per_month"}
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
    back = _takes(before, amount) if before is not None else []
    takes = _takes(after, amount) if after is not None else []
    if back and not takes:
        usage.give_back(session, space_id, PRODUCT, back)
    elif back:
        usage.move(session, space_id, PRODUCT, takes, allowed, back=back, message=_saying(allowed))
    elif takes:
        usage.take(session, space_id, PRODUCT, takes, allowed, message=_saying(allowed))
    return after


def used(session: Session, space_id: UUID, metric: str, periods: Sequence[str]) -> dict[str, int]:
    """Return how much is used in each of the periods."""
    return usage.used(session, space_id, PRODUCT, metric, periods)


def _takes(day: str, amount: int) -> list[usage.Take]:
    return [usage.Take(POSTS, LIMITS[len(period)], period, amount) for period in (day, day[:MONTH])]


def _saying(allowed: Allowance) -> Callable[[usage.Take, int], str]:
    """Return what says why a post cannot be scheduled, and what can be done instead."""

    def say(refused: usage.Take, used: int) -> str:
        hint = "Choose another day" if len(refused.period) == DAY else "Choose another month"
        if allowed.upgrade is not None:
            hint += f", or move up to {allowed.upgrade.label}"
        return (
            f"{allowed.tier.label} allows {allowed.limit(refused.limit)} {_WORDS[refused.limit]};"
            f" {used} are scheduled for {refused.period}. Nothing was scheduled or changed. {hint}."
        )

    return say
