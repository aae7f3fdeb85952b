"""Text as a network shows it: where its links, mentions and tags are. For previews only.

What is published is decided by each platform package; a preview colours what any network would.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from linkify_it import LinkifyIt

_MENTION = regex.compile(r"(?<![\w@/.])@[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?")
_TAG = regex.compile(r"(?<![\w&/])[#＃](?=[\p{L}\p{N}_]*[\p{L}_])[\p{L}\p{N}_]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text and what it is: ``text``, ``link``, ``mention`` or ``tag``."""

    kind: str
    text: str


@cache
def _linkifier() -> Any:
    return LinkifyIt(options={"fuzzy_email": False, "fuzzy_link": True, "fuzzy_ip": False})


def has_link(text: str) -> bool:
    """True if a network will show a link in this text."""
    return any(kind == "link" for _, _, kind in _spans(text))


def pieces(text: str) -> list[Piece]:
    """Return a text cut into pieces; joined, they are the text."""
    found: list[Piece] = []
    at = 0
    for start, end, kind in _spans(text):
        if start < at:
            continue  # inside of a link
        if start > at:
            found.append(Piece("text", text[at:start]))
        found.append(Piece(kind, text[start:end]))
        at = end
    if at < len(text):
        found.append(Piece("text", text[at:]))
    return found


def _spans(text: str) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = [
        (match.index, match.last_index, "link")
        for match in _linkifier().match(text) or []
        if match.schema in {"", "http:", "https:"}
    ]
    found += [(*match.span(), "mention") for match in _MENTION.finditer(text)]
    found += [(*match.span(), "tag") for match in _TAG.finditer(text)]
    return sorted(found, key=lambda span: (span[0], -span[1]))
