"""What is said when a cap is reached: which limit, how much is used, when it resets, what helps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from musekit.errors import LimitReachedError
from musekit.products.tiers import Allowance
from musekit.spaces.models import Space


class Take(NamedTuple):
    """So much of a metric in a period, under a limit of the tier."""

    metric: str
    limit: str
    period: str
    amount: int = 1


def periods(zone: str, at: datetime) -> tuple[str, str]:
    """Return the day and the month of a moment in a zone: ``2026-11-23``, ``2026-11``."""
    day = at.astimezone(ZoneInfo(zone)).date().isoformat()
    return day, day[:7]


def resets_at(period: str, zone: str) -> datetime:
    """Return when a day or a month is over, in UTC."""
    if len(period) == len("2026-11-23"):
        following = datetime.fromisoformat(period) + timedelta(days=1)
    else:
        following = datetime.fromisoformat(f"{period}-28") + timedelta(days=4)
        following = following.replace(day=1)
    return following.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def refuse(
    session: Session,
    space_id: UUID,
    take: Take,
    *,
    used: int,
    allowed: Allowance,
    message: Callable[[Take, int], str] | None,
) -> NoReturn:
    """Raise `LimitReachedError` for what would pass a cap."""
    zone = session.scalar(select(Space.timezone).where(Space.id == space_id)) or "UTC"
    resets, now = resets_at(take.period, zone), datetime.now(UTC)
    limit = allowed.limit(take.limit)
    upgrade = None
    hint = ""
    if allowed.upgrade is not None:
        more = allowed.upgrade.limits.get(take.limit, 0)
        upgrade = {"tier": allowed.upgrade.key, "label": allowed.upgrade.label, "limit": more}
        hint = f" Move up to {allowed.upgrade.label} for more."
    said = (
        message(take, used)
        if message is not None
        else f"{allowed.tier.label} allows {limit} in {take.period}; {used} are used. Nothing was"
        f" changed.{hint}"
    )
    raise LimitReachedError(
        said,
        # Waiting helps only with what is short just now.
        retry_after=(resets - now).total_seconds() if take.period in periods(zone, now) else None,
        limit=take.limit, max=limit, used=used, period=take.period,
        resets_at=resets.isoformat(), tier=allowed.tier.key, upgrade=upgrade,
        upgrade_url=allowed.upgrade_url,
    )  # fmt: skip
