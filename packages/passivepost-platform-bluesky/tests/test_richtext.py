"""Facets and graphemes: expected values are those of @atproto/api's RichText (2026-11)."""

import time

import pytest

from passivepost.api import Content, Part
from passivepost_platform_bluesky.richtext import facets, graphemes, spans


class Anybody(dict):
    """Every handle has an owner."""

    def __contains__(self, handle):
        return True

    def __getitem__(self, handle):
        return handle


def found(text):
    raw = text.encode()
    result = []
    for facet in facets(text, Anybody()):
        (feature,) = facet["features"]
        value = next(value for name, value in feature.items() if name != "$type")
        at = facet["index"]
        result.append((raw[at["byteStart"] : at["byteEnd"]].decode(), value))
    return result


def link(shown, address=None):
    return (shown, address or shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no facets", []),
        ("👨‍👩‍👧‍👧 @handle.com 👨‍👩‍👧‍👧", [("@handle.com", "handle.com")]),
        ("@full123-chars.test!", [("@full123-chars.test", "full123-chars.test")]),
        ("not@right.com", []),
        ("@nodot", []),
        ("(@handle.com)", [("@handle.com", "handle.com")]),
        ("https://middle.com/foo?baz=bux#hash", [link("https://middle.com/foo?baz=bux#hash")]),
        ("start middle.com/foo end", [link("middle.com/foo", "https://middle.com/foo")]),
        ("newline\nhttps://start.com\nnewline", [link("https://start.com")]),
        ("not.. a..url ..here e.g. website.com.jpg", []),
        (
            "a https://foo.com, b https://bar.com/x; c https://baz.com.",
            [link("https://foo.com"), link("https://bar.com/x"), link("https://baz.com")],
        ),
        ("(https://foo.com)", [link("https://foo.com")]),
        ("https://foo.com/thing_(cool)", [link("https://foo.com/thing_(cool)")]),
        ("my-site.com", [link("my-site.com", "https://my-site.com")]),
        ("http.cat", [link("http.cat", "https://http.cat")]),
        ("https://", []),
        ("a #tag, #a's #1a", [("#tag", "tag"), ("#a's", "a's"), ("#1a", "1a")]),
        ("#1 #!? # #️⃣ its#not", []),
        ("＃full", [("＃full", "full")]),
        ("#" + "x" * 64, [("#" + "x" * 64, "x" * 64)]),
        ("#" + "x" * 65, []),
        ("$aapl and ($TSLA), $toolong $1", [("$aapl", "$AAPL"), ("$TSLA", "$TSLA")]),
    ],
)
def test_facets(text, expected):
    assert found(text) == expected


def test_a_handle_nobody_has_stays_text():
    assert facets("@nobody.com", {}) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [("abc", 3), ("e\u0301", 1), ("👨‍👩‍👧‍👧🇩🇪", 2), ("a\r\nb", 3), ("✍️🏽", 1), ("한국", 2)],
)
def test_graphemes(text, count):
    assert graphemes(text) == count


@pytest.mark.parametrize("text", ["(a.com" * 16_000, "a." * 50_000, "@a." * 30_000, "(" * 99_999])
def test_hostile_text_is_read_quickly(text):
    began = time.process_time()
    spans(text)
    assert time.process_time() - began < 2


def test_both_limits_are_declared():
    from passivepost_platform_bluesky.platform import BlueskyPlatform
    from passivepost_platform_bluesky.settings import BlueskySettings

    platform = BlueskyPlatform(BlueskySettings())
    rule = platform.capabilities.text
    family = "👨‍👩‍👧‍👧"
    assert rule.count(family * 200) == 200 < rule.limit
    assert len((family * 200).encode()) == 5000 > rule.max_bytes
    assert platform.validate(Content(parts=(Part(text="short"),))) == []
