"""X's weighted length, on samples whose counts follow from its published configuration."""

import pytest

from passivepost_platform_twitter.weights import has_link, weighted_length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("é", 1),
        ("e\u0301", 1),  # counted after NFC
        ("日本", 4),
        ("“quoted”", 8),
        ("👍🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇩🇪🇫🇷", 4),
        ("1️⃣", 2),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
        ("©", 1),
        ("❤️", 2),
        ("שלום", 4),
        ("https://example.com/" + "a" * 200, 23),
        ("see example.com now", 4 + 23 + 4),
        ("a@example.com", 13),
        ("x" * 280, 280),
    ],
)
def test_length(text, length):
    assert weighted_length(text) == length


def test_a_link_costs_more_so_it_must_be_seen():
    assert has_link("read example.com")
    assert not has_link("no link here")
