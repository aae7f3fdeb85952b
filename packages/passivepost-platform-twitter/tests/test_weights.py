"""X's weighted length, on samples whose counts follow from its published configuration."""

import time

import pytest

from passivepost_platform_twitter.weights import LIMIT, has_link, weighted_length


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
        # As counted by twitter-text 3.1.0 (parseTweet), 2026-11.
        ("see example.com now http://localhost/x example.dev", 74),
        ("日本example.comです http://日本.jp/", 4 + 23 + 4 + 1 + 23),
        ("www.example.com/a_(b)_c.", 24),
        ("#example.com @example.com $example.com", 38),
        ("v1.2.3 e.g. this, foo.bar.baz", 45),
        ("http://exa_mple.com", 19),
        ("http://user:pass@example.com", 28),
        ("co.uk:80 https://co.uk:80", 23 + 3 + 1 + 23),
        ("http://пример.рф/", 23),
        ("日本語http://example.com", 29),
        ("example.com❤️example.com", 48),
        ("🏳️‍🌈🏴‍☠️ ☎☎️", 9),
    ],
)
def test_length(text, length):
    assert weighted_length(text) == length


def test_a_link_costs_more_so_it_must_be_seen():
    assert has_link("read example.com")
    assert not has_link("no link here")


@pytest.mark.parametrize("text", ["a." * 50_000, "a.com(" * 16_000, "a.com/" + "(a" * 49_000])
def test_hostile_text_is_counted_quickly(text):
    began = time.process_time()
    assert weighted_length(text) > LIMIT
    assert time.process_time() - began < 2
