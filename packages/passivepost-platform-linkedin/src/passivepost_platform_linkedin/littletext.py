"""LinkedIn's "little text", in which the words of a post travel, and how long they are in it.

Facts: little text format (li-lms-2026-05, read 2026-11). Fifteen characters are reserved and are
written behind a backslash; one that is not cuts the post silently there. ``#word`` is written as
the template ``{hashtag|\\#|word}``. What people read is the text as it was typed.
"""

from __future__ import annotations

import regex

#: Characters LinkedIn takes (Posts API, read 2026-08).
LIMIT = 3000

_RESERVED = regex.compile(r"[\\|{}@\[\]()<>#*_~]")
_WORD = r"[\p{L}\p{M}\p{N}_]"
_PIECE = regex.compile(
    # Links first: what follows a # in them is no tag. They are escaped like all else, as the
    # format asks for; brightbean-studio (PR 121, 2026-07) saw a link published whole that way.
    # soleur (PR 5140, 2026-06) leaves "_" bare, as it found utm_ links spoilt: to be tried live.
    r"https?://\S++"
    # A tag begins a word and has a letter: "C#", "#1" and "&#39;" are none.
    rf"|(?<![\p{{L}}\p{{M}}\p{{N}}_&#/])\#(?P<tag>(?=[\p{{N}}_]*+\p{{L}}){_WORD}++)"
    rf"|{_RESERVED.pattern}",
    flags=regex.IGNORECASE,
)


def little(text: str) -> str:
    """Return a text in little text, hashtags as such. Mentions are not offered: ``@`` is text."""
    return str(_PIECE.sub(_written, text))


def length(text: str) -> int:
    """Return what a text counts of the 3,000: UTF-16 units of its little text.

    LinkedIn does not say whether it counts before or after escaping, nor an emoji as one or more;
    this is the longest of the readings. So a text that fits here fits there, and none is cut.
    """
    return len(little(text).encode("utf-16-le", "surrogatepass")) // 2


def _written(found: regex.Match[str]) -> str:
    tag = found["tag"]
    return f"{{hashtag|\\#|{_escaped(tag)}}}" if tag else _escaped(found[0])


def _escaped(text: str) -> str:
    return str(_RESERVED.sub(r"\\\g<0>", text))
