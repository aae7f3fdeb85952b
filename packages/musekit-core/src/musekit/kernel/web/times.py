"""Times and numbers as people read them: in their zone, the zone named, exact on hover."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import jinja2
from markupsafe import Markup


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Return the IANA names offered to people: those with a place, and UTC."""
    regions = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/",
               "Indian/", "Pacific/")  # fmt: skip
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(regions)))


def zone_of(name: str) -> ZoneInfo:
    """Return a zone; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def zone_label(moment: datetime) -> str:
    """Return how a moment's zone is called: ``CET``, or ``UTC+3`` where it has no letters."""
    name = moment.tzname() or "UTC"
    if name[:1] not in "+-":
        return name
    minutes = round((moment.utcoffset() or moment - moment).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes >= 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def absolute(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment in full: ``Tuesday 24 November 2026, 14:05:09 CET (Europe/Berlin)``."""
    local = moment.astimezone(zone)
    label = zone_label(local)
    place = "" if zone.key == label else f" ({zone.key})"
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S} {label}{place}"


def short(moment: datetime, zone: ZoneInfo, *, now: datetime | None = None) -> str:
    """Return a moment in short: ``Tue 24 Nov, 14:05 CET``; with the year when it is another."""
    local = moment.astimezone(zone)
    today = (now or datetime.now(UTC)).astimezone(zone)
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {local:%H:%M} {zone_label(local)}"


def relative(moment: datetime, *, now: datetime | None = None) -> str:
    """Return how far a moment is from now: ``in 5 minutes``, ``3 days ago``, ``just now``."""
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now" if seconds <= 0 else "in a moment"
    for limit, length, unit in (
        (45 * 60, 60, "minute"), (22 * 3600, 3600, "hour"), (26 * 86400, 86400, "day"),
        (320 * 86400, 30.44 * 86400, "month"), (float("inf"), 365.25 * 86400, "year"),
    ):  # fmt: skip
        if size < limit:
            count = max(1, round(size / length))
            span = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {span}" if seconds > 0 else f"{span} ago"
    raise AssertionError


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with its thousands apart: ``12,345``; a dash for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def span(seconds: float) -> str:
    """Return a length of time in the largest unit that fits: ``5 minutes``, ``90 seconds``."""
    units = ((86400, "day"), (3600, "hour"), (60, "minute"))
    whole = (each for each in units if seconds >= each[0] and seconds % each[0] == 0)
    length, unit = next(whole, (1, "second"))
    count = round(seconds / length)
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


# --- The same for templates ---


def _element(moment: datetime | None, context: jinja2.runtime.Context, text: str, kind: str) -> str:
    if moment is None:
        return "–"
    zone = zone_of(context.get("zone") or "UTC")
    return Markup('<time datetime="{}" data-time="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), kind, absolute(moment, zone), text
    )


@jinja2.pass_context
def when(context: jinja2.runtime.Context, moment: datetime | None) -> str:
    """``{{ post.scheduled_at|when }}``: the moment in the person's zone, in full on hover."""
    zone = zone_of(context.get("zone") or "UTC")
    return _element(moment, context, short(moment, zone) if moment else "", "when")


@jinja2.pass_context
def ago(context: jinja2.runtime.Context, moment: datetime | None) -> str:
    """``{{ post.posted_at|ago }}``: how far from now, kept true by a script; exact on hover."""
    return _element(moment, context, relative(moment) if moment else "", "ago")


@jinja2.pass_context
def clock(context: jinja2.runtime.Context, moment: datetime | None) -> str:
    """``{{ post.scheduled_at|clock }}``: the time of day only, for lists that name the day."""
    zone = zone_of(context.get("zone") or "UTC")
    return _element(moment, context, f"{moment.astimezone(zone):%H:%M}" if moment else "", "clock")


@jinja2.pass_context
def day(context: jinja2.runtime.Context, moment: datetime | None) -> str:
    """``{{ post.scheduled_at|day }}``: the day only: ``Tuesday 24 November``."""
    if moment is None:
        return "–"
    local = moment.astimezone(zone_of(context.get("zone") or "UTC"))
    return f"{local:%A} {local.day} {local:%B}"


FILTERS = {"when": when, "ago": ago, "clock": clock, "day": day, "number": number, "span": span}
