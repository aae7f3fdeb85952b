"""Graphemes, and the links, mentions and tags of a text as facets.

The network detects nothing on its own: what is not a facet is not a link. Offsets are of UTF-8
bytes (lexicon app.bsky.richtext.facet, read 2026-08); the server does not check them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from linkify_it import LinkifyIt

_GRAPHEME = regex.compile(r"\X")
# As in the reference implementation: at the start, or after a space or an opening bracket.
_MENTION = regex.compile(r"(?<=^|[\s(])@([a-zA-Z0-9](?:[a-zA-Z0-9-]*\.)+[a-zA-Z]{2,})(?=\b|$)")
_TAG = regex.compile(r"(?<=^|\s)[#＃](?!\ufe0f)([^\s\u00ad\u2060\u200a-\u200d]+)")
_TRAILING = regex.compile(r"\p{P}+$")
#: A tag has at most 64 graphemes (lexicon).
_TAG_LIMIT = 64


def graphemes(text: str) -> int:
    """Return the number of extended grapheme clusters (UAX #29): the unit of the 300 limit."""
    return len(text) if text.isascii() and "\r" not in text else len(_GRAPHEME.findall(text))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text that means something: characters `start` to `end`."""

    start: int
    end: int
    kind: str  #: link, mention or tag
    value: str  #: address, handle or tag


@cache
def _linkifier() -> Any:
    # Mails are no links there; domains without a scheme are, if their last label is a real one.
    return LinkifyIt(options={"fuzzy_email": False, "fuzzy_link": True, "fuzzy_ip": False})


def spans(text: str) -> list[Span]:
    """Return links, mentions and tags in order, none overlapping another."""
    found: list[Span] = []
    for match in _linkifier().match(text) or []:
        if match.schema in {"", "http:", "https:", "//"}:
            address = match.url if match.schema else f"https://{match.raw}"
            found.append(Span(match.index, match.last_index, "link", address))
    for match in _MENTION.finditer(text):
        found.append(Span(match.start(), match.end(), "mention", match[1].lower()))
    for match in _TAG.finditer(text):
        tag = _TRAILING.sub("", match[1])
        if tag and not tag.isdigit() and graphemes(tag) <= _TAG_LIMIT:
            found.append(Span(match.start(), match.start(1) + len(tag), "tag", tag))
    found.sort(key=lambda span: (span.start, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def facets(text: str, dids: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    """Return the facets of a text.

    Args:
        dids: DIDs of mentioned handles; a handle that is not among them stays plain text.
    """
    result = []
    for span in spans(text):
        if span.kind == "link":
            feature = {"$type": "app.bsky.richtext.facet#link", "uri": span.value}
        elif span.kind == "tag":
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": span.value}
        elif span.value in dids:
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": dids[span.value]}
        else:
            continue
        start = len(text[: span.start].encode())
        index = {"byteStart": start, "byteEnd": start + len(text[span.start : span.end].encode())}
        result.append({"index": index, "features": [feature]})
    return result
