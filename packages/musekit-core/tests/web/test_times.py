"""Times, numbers and colours as templates show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from musekit.kernel.web.templates import attributes, ink_on
from musekit.kernel.web.times import absolute, number, relative, short, span, zone_names, zone_of

NOW = datetime(2026, 11, 24, 13, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Tue 24 Nov, 14:05 CET"), ("UTC", "Tue 24 Nov, 13:05 UTC"),
        ("America/New_York", "Tue 24 Nov, 08:05 EST"),
        ("Asia/Kathmandu", "Tue 24 Nov, 18:50 UTC+5:45"),
        ("America/Sao_Paulo", "Tue 24 Nov, 10:05 UTC−3"),
        ("Pacific/Auckland", "Wed 25 Nov, 02:05 NZDT"),
    ],
)  # fmt: skip
def test_a_moment_names_its_zone(zone: str, text: str) -> None:
    assert short(NOW, ZoneInfo(zone), now=NOW) == text


def test_the_year_is_named_when_it_is_another() -> None:
    assert short(NOW, ZoneInfo("UTC"), now=NOW + timedelta(days=60)) == "Tue 24 Nov 2026, 13:05 UTC"


def test_in_full() -> None:
    text = absolute(NOW, ZoneInfo("Europe/Berlin"))
    assert text == "Tuesday 24 November 2026, 14:05:09 CET (Europe/Berlin)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"), (-44, "just now"), (30, "in a moment"), (60, "in 1 minute"),
        (-300, "5 minutes ago"), (3600, "in 1 hour"), (-7200, "2 hours ago"), (86400, "in 1 day"),
        (-3 * 86400, "3 days ago"), (60 * 86400, "in 2 months"), (-800 * 86400, "2 years ago"),
    ],
)  # fmt: skip
def test_relative(seconds: float, text: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), now=NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (300, "5 minutes"), (3600, "1 hour"),
        (5400, "90 minutes"), (86400, "1 day"), (0.4, "0 seconds"),
    ],
)  # fmt: skip
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_numbers() -> None:
    assert (number(1234567), number(None), number(0.256, 2)) == ("1,234,567", "–", "0.26")


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "\0", "Europe"])
def test_an_unknown_zone_is_utc(name: str) -> None:
    assert zone_of(name).key == "UTC"


def test_zones_offered_are_known_and_unique() -> None:
    assert len(zone_names()) == len(set(zone_names())) > 400
    assert {"UTC", "Europe/Berlin", "Asia/Tokyo"} <= set(zone_names())


@pytest.mark.parametrize(
    ("colour", "ink"),
    [("#fffc00", "#1a1f1d"), ("#000000", "#ffffff"), ("#0a66c2", "#ffffff"), ("red", "#ffffff"),
     ("", "#ffffff"), ("#ffffff", "#1a1f1d")],
)  # fmt: skip
def test_ink_stands_out(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink


def test_attributes_are_escaped() -> None:
    given = {"hx_post": '/x"><script>', "disabled": True, "hidden": False, "title": None}
    assert attributes(given) == ' hx-post="/x&#34;&gt;&lt;script&gt;" disabled'
