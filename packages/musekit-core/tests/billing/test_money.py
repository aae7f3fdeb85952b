"""Amounts by the digits of their currency."""

import pytest

from musekit.billing.money import every, money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (900, "usd", "$9.00"), (123456789, "EUR", "€1,234,567.89"), (900, "jpy", "¥900"),
        (1250, "chf", "12.50 CHF"), (-350, "usd", "−$3.50"), (12345, "kwd", "12.345 KWD"),
        (500, "isk", "5.00 ISK"), (0, "gbp", "£0.00"), (None, "usd", "–"),
    ],
)  # fmt: skip
def test_an_amount(amount, currency, text) -> None:
    assert money(amount, currency) == text


def test_whole_amounts_and_intervals_in_short() -> None:
    assert money(900, "usd", exact=False) == "$9"
    assert money(950, "usd", exact=False) == "$9.50"
    assert (every("month", 1), every("month", 3)) == ("month", "3 months")
