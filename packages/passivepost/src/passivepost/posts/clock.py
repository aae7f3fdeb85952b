"""Wall-clock times: what a person chose, and the instant it means (reliability F26)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from musekit.api import InvalidError


def zone(name: str) -> ZoneInfo:
    """Return a time zone by IANA name.

    Raises:
        InvalidError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidError(
            "That is not a time zone. Use a name such as Europe/Berlin or UTC.",
            errors=[{"field": "timezone", "message": "not an IANA time zone"}],
        ) from None


def instant(wall: datetime, name: str) -> datetime:
    """Return the instant (UTC) of a wall-clock time in a zone.

    A time that a change to summer time skips means the first instant after the gap; one that
    comes twice means the first time.
    """
    tz = zone(name)
    early = wall.replace(tzinfo=tz, fold=0)
    there = early.astimezone(UTC).astimezone(tz)
    if there.replace(tzinfo=None) == wall:
        return early.astimezone(UTC)
    # In a gap: fold 0 reads it by the offset before, fold 1 by the offset after. The change lies
    # between the two readings; binary search finds its first instant.
    low = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    high = early.astimezone(UTC)
    before = low.astimezone(tz).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def wall_time(moment: datetime, name: str) -> str:
    """Return an instant as wall-clock time of a zone, to the minute: ``2026-11-23T09:00``."""
    return moment.astimezone(zone(name)).strftime("%Y-%m-%dT%H:%M")


def day_of(moment: datetime, name: str) -> str:
    """Return the day an instant falls on in a zone: ``2026-11-23``."""
    return moment.astimezone(zone(name)).date().isoformat()


def next_day(moment: datetime, name: str) -> datetime:
    """Return the start (UTC) of the day after an instant, in a zone."""
    local = moment.astimezone(zone(name)).replace(tzinfo=None)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return instant(start, name)


def next_month(moment: datetime, name: str) -> datetime:
    """Return the start (UTC) of the month after an instant, in a zone."""
    local = moment.astimezone(zone(name)).replace(tzinfo=None)
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return instant((first + timedelta(days=32)).replace(day=1), name)
