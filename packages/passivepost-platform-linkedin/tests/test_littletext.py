"""LinkedIn's little text: what is sent, what people then read, and what it counts."""

import re
import time

import pytest
from tests.support.linkedin_schemas import RESERVED, shown

from passivepost_platform_linkedin.littletext import LIMIT, length, little
from passivepost_platform_linkedin.post import first_link


@pytest.mark.parametrize("character", RESERVED)
def test_each_reserved_character_is_escaped(character):
    assert little(f"a{character} b") == f"a\\{character} b"
    assert shown(f"a{character} b")[0] == "a"  # what LinkedIn makes of it without


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain words, nothing else!", "plain words, nothing else!"),
        ("Go to the shop (the old one)", r"Go to the shop \(the old one\)"),
        (r"back\slash", r"back\\slash"),
        (r"already \(escaped\)", r"already \\\(escaped\\\)"),
        ("#bread and #Butter2go.", r"{hashtag|\#|bread} and {hashtag|\#|Butter2go}."),
        ("(#bread)", r"\({hashtag|\#|bread}\)"),
        ("#snake_case", r"{hashtag|\#|snake\_case}"),
        ("#brot#butter", r"{hashtag|\#|brot}\#butter"),
        ("#Bäckerei #хлеб #パン #रोटी", " ".join(rf"{{hashtag|\#|{w}}}" for w in
                                           ("Bäckerei", "хлеб", "パン", "रोटी"))),
        ("C# is #1, &#39; # alone ##", r"C\# is \#1, &\#39; \# alone \#\#"),
        ("{hashtag|\\#|fake}", r"\{hashtag\|\\\#\|fake\}"),
        ("@[Acme](urn:li:organization:1)", r"\@\[Acme\]\(urn:li:organization:1\)"),
        (
            "https://example.com/a_b?utm_source=x#part #tag",
            r"https://example.com/a\_b?utm\_source=x\#part {hashtag|\#|tag}",
        ),
        ("see example.com/#part", r"see example.com/\#part"),
        ("two\n\nlines", "two\n\nlines"),
    ],
)  # fmt: skip
def test_little(text, sent):
    assert little(text) == sent
    assert shown(sent)[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "👩🏽‍🚀 (👨‍👩‍👧‍👦) #🚀 #launch🚀", "🇩🇪🇫🇷*", "e\u0301 _é_", "שלום (עולם) #שלום",
        "مرحبا [بكم] #مرحبا",
        "\u202b(rtl)\u202c", "a\u200b#b", "~~x~~ <b> {y} | z", "\\", "\\\\#a\\", "#", "#_",
        "#_a", "#1_",
        "＃全角 #全角", "http://", "HTTPS://EXAMPLE.COM/(A)", "a" * 3000,
    ],
)  # fmt: skip
def test_nobody_sees_a_difference(text):
    assert shown(little(text))[0] == text


def test_tags_are_tags():
    text = "#bread, (#Butter) and C#; see https://example.com/#part #snake_case"
    assert shown(little(text))[1] == ["bread", "Butter", "snake_case"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello", 5),
        ("(hello)", 9),
        ("#tag", len(r"{hashtag|\#|tag}")),
        ("é", 1),
        ("e\u0301", 2),
        ("日本", 2),
        ("שלום", 4),
        ("\u202bשלום\u202c", 6),
        ("😀", 2),
        ("👍🏽", 4),
        ("👨‍👩‍👧‍👦", 11),
        ("🇩🇪", 4),
        ("1️⃣", 3),
        ("❤️", 2),
        ("x" * LIMIT, LIMIT),
        ("(" * 1500, LIMIT),
        ("😀" * 1500, LIMIT),
        ("\ud800", 1),
    ],
)
def test_length(text, count):
    assert length(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "#" * 90_000,
        "#1" * 45_000,
        "#" + "1" * 90_000,
        "http://" * 13_000,
        "https://" + "(" * 90_000,
        "https://a" + ")" * 90_000,
    ],
)
def test_hostile_text_is_written_quickly(text):
    began = time.process_time()
    assert length(text) > LIMIT
    first_link(text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("none here", ""),
        ("see https://example.com/a_b?c=(d).", "https://example.com/a_b?c=(d)"),
        ("(https://example.com/a) https://example.org", "https://example.com/a"),
        ("HTTPS://example.com!", "HTTPS://example.com"),
        ("“https://example.com/ü”", "https://example.com/ü"),
        ("http:// and https://) are none", ""),
        ("((https://example.com/(a)))", "https://example.com/(a)"),
    ],
)
def test_first_link(text, link):
    assert first_link(text) == link
    assert not re.search(r"\s", link)
