"""Wall-clock times and what they mean (reliability F26)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musekit.api import InvalidError
from passivepost.posts.clock import day_of, instant, next_day, next_month, wall_time

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Tehran",
)  # fmt: skip


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "meant"),
    [
        ("2026-11-23T09:00", "Europe/Berlin", utc(2026, 11, 23, 8)),
        # The gap: 02:30 does not come on that night; 03:00 summer time is the first that does.
        ("2027-03-28T02:30", "Europe/Berlin", utc(2027, 3, 28, 1)),
        ("2027-03-28T02:00", "Europe/Berlin", utc(2027, 3, 28, 1)),
        ("2027-03-14T02:59", "America/New_York", utc(2027, 3, 14, 7)),
        # Lord Howe moves by half an hour.
        ("2026-10-04T02:10", "Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
        # Samoa had no 30 December 2011 at all.
        ("2011-12-30T12:00", "Pacific/Apia", utc(2011, 12, 30, 10)),
        # The fold: 02:30 comes twice; the first is meant.
        ("2026-10-25T02:30", "Europe/Berlin", utc(2026, 10, 25, 0, 30)),
        ("2026-11-01T01:30", "America/New_York", utc(2026, 11, 1, 5, 30)),
    ],
)
def test_gaps_and_folds(wall, zone, meant):
    assert instant(datetime.fromisoformat(wall), zone) == meant


@settings(max_examples=400, deadline=None)
@given(wall=st.datetimes(datetime(2025, 1, 1), datetime(2035, 12, 31)), zone=st.sampled_from(ZONES))
def test_an_instant_reads_as_the_time_chosen_or_follows_a_gap_at_once(wall, zone):
    wall = wall.replace(second=0, microsecond=0)
    meant = instant(wall, zone)
    local = meant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if local != wall:
        assert local > wall
        before = (meant - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert before < wall
    assert instant(local, zone) <= meant


def test_days_and_months_end_in_the_zone():
    moment = utc(2026, 12, 31, 23, 30)
    assert day_of(moment, "Europe/Berlin") == "2027-01-01"
    assert day_of(moment, "America/New_York") == "2026-12-31"
    assert next_day(moment, "America/New_York") == utc(2027, 1, 1, 5)
    assert next_month(moment, "Europe/Berlin") == utc(2027, 1, 31, 23)
    assert next_month(utc(2026, 1, 31, 12), "UTC") == utc(2026, 2, 1)
    assert wall_time(moment, "Asia/Kathmandu") == "2027-01-01T05:15"


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "a\x00b"])
def test_what_is_no_zone_is_said_to_be_none(name):
    with pytest.raises(InvalidError):
        day_of(utc(2026, 1, 1), name)
